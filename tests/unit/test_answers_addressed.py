"""What is written to a brand's own account is a mention of it whatever it says."""

import io
from typing import Any

import msgspec
import pytest
from rich.console import Console

from domain.brand import Brand
from domain.mention import Mention
from domain.post import Author, Post, account_id
from domain.query import BrandMatcher
from processors.match import match
from processors.normalise import normalise
from processors.score import score
from storage.elasticsearch.documents import mention_source
from tests.kit.query import matched, post
from tests.kit.stores import judged
from tocsin.cli.mentions import show

PAGE = "vk:auroraair"
AIR = Brand(name="Aurora Air", query="aurora", accounts=("VK:@AuroraAir", "vk:-501", "telegram:aurora_bot"))
JET = Brand(name="Borealis Jet", query="borealis", accounts=("vk:borealis",))
MATCHER = BrandMatcher([AIR, JET])


def found(heard: Post) -> dict[str, tuple[str, ...]]:
    return {mention.brand: mention.matched for mention in match(heard, matcher=MATCHER)}


def test_a_message_to_the_brand_is_a_mention_though_it_names_nobody() -> None:
    asked = post("where is my order?", addressed=PAGE, kind="message")
    assert found(asked) == {"Aurora Air": ("@vk:auroraair",)}
    assert found(post("where is my order?", kind="message")) == {}


def test_the_reason_comes_before_the_words_that_were_found() -> None:
    assert found(post("Aurora, where is my bag?", addressed=PAGE)) == {"Aurora Air": ("@vk:auroraair", "Aurora")}


def test_what_else_it_names_is_found_as_ever_and_is_not_addressed() -> None:
    told = match(post("borealis is better", addressed=PAGE), matcher=MATCHER)
    assert [(one.brand, one.matched, one.addressed) for one in told] == [
        ("Aurora Air", ("@vk:auroraair",), PAGE),
        ("Borealis Jet", ("borealis",), ""),
    ]


@pytest.mark.parametrize("written", ["vk:AuroraAir", "VK:auroraair", "vk:@auroraair", "vk:-501"])
def test_an_account_may_be_written_by_handle_or_by_id_and_in_any_case(written: str) -> None:
    (cleaned,) = normalise(post("hello", addressed=written))
    assert cleaned.addressed == account_id(written)
    assert found(cleaned) == {"Aurora Air": (f"@{account_id(written)}",)}


def test_another_network_is_another_account() -> None:
    assert found(post("hello", addressed="ok:auroraair")) == {}


@pytest.mark.parametrize(
    "author",
    [
        Author(handle="auroraair"),
        Author(handle="@AuroraAir", id="77"),
        Author(id="-501"),
        Author(id="-501", handle="renamed"),
    ],
)
def test_the_brand_that_writes_on_its_own_page_is_no_mention_by_handle_or_by_id(author: Author) -> None:
    assert found(post("aurora says sorry", addressed=PAGE, author=author)) == {}
    assert [brand.name for brand in MATCHER.owners(post("sorry", author=author))] == ["Aurora Air"]


def test_a_stranger_owns_nothing() -> None:
    for author in (Author(), Author(name="auroraair"), Author(handle="anna", id="501")):
        assert MATCHER.owners(post("hello", author=author)) == []


def test_brands_may_share_an_account() -> None:
    both = BrandMatcher([AIR, Brand(name="Aurora Cargo", query="cargo", accounts=("vk:auroraair",))])
    told = match(post("hello", addressed=PAGE), matcher=both)
    assert [one.brand for one in told] == ["Aurora Air", "Aurora Cargo"]
    ours = both.owners(post("sorry", author=Author(handle="auroraair")))
    assert [brand.name for brand in ours] == ["Aurora Air", "Aurora Cargo"]


def test_a_post_without_an_account_is_addressed_to_nobody() -> None:
    (cleaned,) = normalise(post("hello", addressed=" \u200b"))
    assert cleaned.addressed == ""


def test_a_query_may_ask_to_whom_a_post_is_written() -> None:
    for query in ("addressed:auroraair", 'addressed:"vk:auroraair"', "addressed:@AuroraAir", "addressed:auror*"):
        assert matched(query, "hello", addressed=PAGE) == ("addressed:vk:auroraair",), query
        assert matched(query, "hello") is None
        assert matched(query, "hello", addressed="vk:borealis") is None
    watched = BrandMatcher([Brand(name="Rival", query="addressed:borealis AND slow")])
    assert [brand.name for brand, _ in watched.match(post("so slow", addressed="vk:borealis"))] == ["Rival"]
    assert watched.match(post("so slow", addressed="vk:auroraair")) == []


def scored(text: str, *, judgement: Any, **fields: Any) -> Mention:
    (mention, *_) = match(post(text, **fields), matcher=MATCHER)
    (told,) = score(msgspec.structs.replace(mention, judgement=judgement))
    return told


def test_what_asks_for_an_answer_is_a_little_more_pressing() -> None:
    aside = scored("aurora", judgement=judged("neutral", "normal")).score
    asked = scored("aurora", judgement=judged("neutral", "normal"), addressed=PAGE).score
    assert aside is not None
    assert asked is not None
    assert (aside.parts["addressed"], asked.parts["addressed"]) == (0.0, 1.0)
    assert aside.reach == asked.reach
    assert aside.priority < asked.priority < aside.priority + 0.1


def test_a_critical_word_from_nobody_still_outranks_a_message_of_a_star() -> None:
    nobody = scored("aurora", judgement=judged("negative", "critical"), author=Author(followers=0)).score
    star = scored(
        "aurora", judgement=judged("negative", "high"), addressed=PAGE, author=Author(followers=10**9, verified=True)
    ).score
    assert nobody is not None
    assert star is not None
    assert nobody.priority > star.priority


def test_the_page_and_the_index_say_to_whom_it_is_written() -> None:
    told = scored("where is my order?", judgement=judged(), addressed=PAGE)
    console = Console(file=io.StringIO(), width=120)
    show(console, told)
    assert isinstance(console.file, io.StringIO)
    assert "to vk:auroraair" in console.file.getvalue()
    assert msgspec.json.decode(mention_source(told))["addressed"] == PAGE
    aside = scored("borealis", judgement=judged(), addressed="vk:someone")
    assert "addressed" not in msgspec.json.decode(mention_source(aside))
