"""How a query narrows Elasticsearch: what it asks, and when it rather asks nothing."""

from domain.query import compile_query
from storage.elasticsearch.documents import LONGEST_WORD
from storage.elasticsearch.search import narrowing


def narrowed(query: str) -> object:
    expression = compile_query(query).narrowing()
    return None if expression is None else narrowing(expression)


def test_words_and_beginnings_become_terms_and_prefixes() -> None:
    assert narrowed('"late flight"') == {
        "bool": {"filter": [{"term": {"words": "late"}}, {"term": {"words": "flight"}}]}
    }
    assert narrowed("auror* AND NOT borealis") == {"prefix": {"words": "auror"}}
    assert narrowed("auror* OR @skoda") == {
        "bool": {"should": [{"prefix": {"words": "auror"}}, {"term": {"words": "skoda"}}]}
    }
    assert narrowed("network:vk OR auror*") is None


def test_a_word_longer_than_what_is_indexed_is_asked_by_what_is() -> None:
    assert narrowed(f'"{"a" * 500}"') == {"term": {"words": "a" * LONGEST_WORD}}


def test_what_lies_too_deep_is_left_to_the_query_itself() -> None:
    deep = "b"
    for _ in range(18):
        deep = f'("a" AND ("b" OR {deep}))'
    asked = narrowed(f'"first" AND {deep}')
    assert asked is not None
    assert str(asked).count("bool") <= 30
    assert "first" in str(asked)


def test_a_query_of_very_many_words_narrows_nothing() -> None:
    assert narrowed(" OR ".join(f'"w{number}"' for number in range(400))) is not None
    assert narrowed(" OR ".join(f'"w{number}"' for number in range(600))) is None
