"""A bad query gets the place and the remedy."""

import pytest

from domain.errors import QueryError
from domain.query import FIELDS, compile_query

BAD = [
    # (query, position of the mistake, a word of the sentence, a word of the remedy)
    ("", 0, "empty", "phrase"),
    ("   ", 0, "empty", "phrase"),
    ("(aurora", 0, "not closed", ")"),
    ("aurora (delay OR (refund)", 7, "not closed", ")"),
    ("aurora)", 6, "without its (", "("),
    ("aurora ()", 7, "Empty brackets", "word"),
    ('aurora "late flight', 7, "not closed", '"'),
    ("aurora «late flight", 7, "not closed", '"'),
    ("aurora late”", 11, "closing quote", '"'),
    ("aurora AND", 7, "AND has nothing on its right", "after it"),
    ("aurora AND (delay OR)", 18, "OR has nothing on its right", "after it"),
    ("AND aurora", 0, "AND has nothing on its left", "before it"),
    ("aurora OR OR delay", 10, "OR has nothing on its left", "before it"),
    ("aurora && && delay", 10, "&& has nothing on its left", "before it"),
    ("(OR aurora)", 1, "OR has nothing on its left", "before it"),
    ("aurora NOT", 7, "NOT has nothing on its right", "after it"),
    ("aurora -", 7, "- has nothing on its right", "after it"),
    ("aurora !", 7, "! has nothing on its right", "after it"),
    ("NOT aurora", 0, "must not be there", "aurora -borealis"),
    ("-aurora", 0, "must not be there", "aurora -borealis"),
    ("-aurora AND -borealis", 0, "must not be there", "aurora -borealis"),
    ("aurora OR (NOT delay)", 10, "must not be there", "AND NOT"),
    ("brand:aurora", 0, "no field brand:", "followers"),
    ("aurora AND http://aurora.example", 11, "no field http:", "http\\:"),
    ("aurora lang:", 7, "lang: has no value", "right after"),
    ("aurora lang: ru", 7, "lang: has no value", "right after"),
    ("aurora :x", 7, "without a field", "\\:"),
    ("title:(aurora OR lang:ru)", 17, "inside title:", "one field"),
    ("aurora *", 7, "too broad", "at least 2 letters"),
    ("*rora", 0, "too broad", "at least 2 letters"),
    ("?urora", 0, "too broad", "at least 2 letters"),
    ("a*", 0, "too broad", "at least 2 letters"),
    ("au*r*o*r*a", 0, "Too many *", "at most 3"),
    ("#auror*", 0, "wildcard in", "auror*"),
    ('aurora "late fl*"', 15, "no wildcard", "without quotes"),
    ("aurora /au.*/", 7, "Regular expressions", "wildcards"),
    ("url:/au.*/", 4, "Regular expressions", "wildcards"),
    ("aurora~2", 0, "~2 on a word", "~1"),
    ("aur~1", 0, "five letters", "OR"),
    ("late-flight~1", 0, "five letters", "OR"),
    ('"aurora"~2', 0, "one word", "word~1"),
    ('"late flight"~x', 14, "takes a number", "whole number"),
    ('"late flight"~1.5', 13, "no number", "whole number"),
    ('"late flight"~1000', 0, "too far", "at most"),
    ("aurora ~2", 7, "nothing before it", "right after"),
    ("(aurora delay)~2", 14, "nothing before it", "right after"),
    ('author:"jan novak"~2', 7, "with a field", "words of text"),
    ("author:novak~1", 7, "with a field", "wildcard"),
    ("aurora^", 6, "no number", "whole number"),
    ("followers:many", 10, "no number", "digits"),
    ("followers:>many", 11, "no number", "digits"),
    ("followers:[1 TO many]", 16, "no number", "digits"),
    ("followers:[200 TO 100]", 10, "range is empty", "smaller number first"),
    ("followers:[100]", 10, "range cannot be read", "[100 TO 200]"),
    ("followers:100 TO 200]", 20, "without its opening", "[100 TO 200]"),
    ("title:[1 TO 2]", 6, "without a number field", "followers:"),
    ("text:>5", 5, "without a number field", "followers:"),
    ("aurora >5", 7, "without a field", "followers:>1000"),
    ("kind:tweet", 5, "No post is of kind", "repost"),
    ("lang:russian", 5, "no language code", "two letters"),
    ("network:*", 8, "nothing but wildcards", "network:vk"),
    ('author:"!!"', 7, "without a letter", "auroraair"),
    ("'aurora air'", 0, "begins with '", "double quotes"),
    ("aurora and delay", 7, "capitals", "AND"),
    ("aurora or delay", 7, "capitals", '"or" in quotes'),
    ("aurora ...", 7, "no letter or digit", "word"),
    ('aurora "!?"', 7, "no letter or digit", "word"),
    ("aurora\\", 6, "\\ at the end", "away"),
    ("(" * 60 + "a" + ")" * 60, 40, "too deep", "40"),
    ("-" * 300 + "aurora", 81, "too deep", "flatter"),
    ("a " * 6000, 10_000, "too long", "10,000"),
    ("«aurora && delay» && && x", 21, "nothing on its left", "before it"),
]


@pytest.mark.parametrize(("query", "position", "sentence", "remedy"), BAD, ids=[query[:30] for query, *_ in BAD])
def test_a_bad_query_is_refused_with_its_place_and_its_remedy(
    query: str, position: int, sentence: str, remedy: str
) -> None:
    with pytest.raises(QueryError) as refused:
        compile_query(query)
    assert refused.value.position == position
    assert sentence in refused.value.message
    assert remedy in refused.value.remedy
    assert f"at character {position + 1}" in str(refused.value)


def test_an_unknown_field_lists_the_known_ones() -> None:
    with pytest.raises(QueryError) as refused:
        compile_query("colour:red")
    assert all(field in refused.value.remedy for field in FIELDS)
