"""Every example of docs/how-to/write-a-query.md is held against the query language."""

import tomllib

import pytest

from domain.errors import QueryError
from domain.query import FIELDS, compile_query
from tests.kit.docs import ROOT, blocks, prose
from tests.kit.query import matched

PAGE = ROOT / "docs" / "how-to" / "write-a-query.md"
EXAMPLES = [block.text.splitlines() for block in blocks(PAGE) if block.language == "query"]
LINES = [(query, line) for query, *lines in EXAMPLES for line in lines]
REFUSED = [tuple(block.text.splitlines()) for block in blocks(PAGE) if block.language == "error"]


@pytest.mark.parametrize(("query", "line"), LINES)
def test_an_example_finds_what_the_page_says(query: str, line: str) -> None:
    sign, text = line[0], line[2:]
    assert sign in "+-"
    assert (matched(query, text) is not None) == (sign == "+")


@pytest.mark.parametrize(("query", "sentence"), REFUSED)
def test_a_refusal_reads_as_the_page_says(query: str, sentence: str) -> None:
    with pytest.raises(QueryError) as refused:
        compile_query(query)
    assert str(refused.value) == sentence


def test_the_configuration_shown_compiles() -> None:
    (shown,) = [block.text for block in blocks(PAGE) if block.language == "toml"]
    for brand in tomllib.loads(shown)["brand"]:
        compile_query(brand["query"])


def test_every_field_is_explained() -> None:
    page = prose(PAGE)
    assert [field for field in FIELDS if f"`{field}:" not in page] == []


def test_there_are_examples_of_every_kind() -> None:
    assert len(EXAMPLES) >= len(FIELDS)
    assert REFUSED
