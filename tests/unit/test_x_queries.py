"""What brands become in X's query language."""

from typing import Any

import pytest

from domain.brand import Brand
from domain.errors import SourceMisconfigured
from ingest.x import Config
from ingest.x.queries import accounts, queries


def made(*brands: Brand, length: int = 512, **other: Any) -> list[str]:
    config = Config.model_validate({"kind": "x", "token": "t", **other})
    return queries(config, brands, length=length)


def brand(query: str, *accounts: str) -> Brand:
    return Brand(name="Aurora Air", query=query, accounts=accounts)


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ('"aurora air"', '("aurora air")'),
        ('"aurora air" OR auroraair OR #auroraair', '("aurora air" OR auroraair OR #auroraair)'),
        ("aurora AND (late OR lost)", "((aurora late) OR (aurora lost))"),
        ('"aurora air" AND -spam', '("aurora air")'),
        ("AT&T", '("AT&T")'),
        ("авро*", "(авро)"),
        ("lang:ru", '("Aurora Air")'),
    ],
)
def test_a_query_asks_for_its_phrases(query: str, wanted: str) -> None:
    assert made(brand(query)) == [f"{wanted} -is:retweet"]


def test_what_is_written_to_the_brand_and_by_it_is_asked_for() -> None:
    assert made(brand("acme", "x:Acme", "vk:acme"), retweets=True) == ["(acme OR @acme OR from:acme)"]
    assert accounts([brand("acme", "x:Acme", "vk:acme")]) == {"acme"}


def test_a_filter_is_added_to_each() -> None:
    assert made(brand("acme"), filter="lang:ru -is:nullcast") == ["(acme) lang:ru -is:nullcast -is:retweet"]


def test_many_phrases_are_as_few_queries_as_fit() -> None:
    words = [f"acme{number}" for number in range(90)]
    found = made(brand(" OR ".join(words)), length=200)
    assert all(len(query) <= 200 for query in found)
    assert len(found) == 5
    assert [word for query in found for word in query.removesuffix(") -is:retweet")[1:].split(" OR ")] == words


def test_the_same_phrase_of_two_brands_is_asked_for_once() -> None:
    assert made(brand("acme"), brand("acme")) == ["(acme) -is:retweet"]


def test_configured_queries_are_left_as_they_are() -> None:
    assert made(brand("acme"), queries=["acme lang:cs", " b "]) == ["acme lang:cs", "b"]


def test_no_brand_and_a_phrase_too_long_are_said() -> None:
    with pytest.raises(SourceMisconfigured, match="no \\[\\[brand\\]\\]"):
        made()
    with pytest.raises(SourceMisconfigured, match="longer than X takes"):
        made(brand(f'"{"aurora " * 100}"'))
