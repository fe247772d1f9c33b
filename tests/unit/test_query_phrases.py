import pytest

from domain.brand import Brand
from domain.query import phrases


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ('"aurora air" OR @auroraair OR "Аврора Эйр"', ['"aurora air"', "@auroraair", '"Аврора Эйр"']),
        ("aurora borealis", ["aurora", "borealis"]),
        ("aurora AND (late OR lost)", ["aurora late", "aurora lost"]),
        ("+aurora -job late", ["aurora"]),
        ("aurora NOT borealis", ["aurora"]),
        ("auror* OR lang:kk", ["auror"]),
        ('"late flight"~3', ["late flight"]),
        ("aurora~ OR aurora^2", ["aurora"]),
        ("text:aurora AND followers:>100", ["aurora"]),
        ("lang:kk", ['"Aurora Air"']),
    ],
)
def test_a_query_is_asked_for_in_phrases(query: str, asked: list[str]) -> None:
    brand = Brand(name="Aurora Air", query=query)
    assert [phrase.quoted() for phrase in phrases(brand)] == asked


def test_a_query_with_too_many_alternatives_is_cut() -> None:
    letters = " OR ".join(f"a{number}" for number in range(40))
    assert len(phrases(Brand(name="x", query=f"({letters}) AND ({letters})"))) == 100
