"""Many brands at once: who is found, own accounts, and that a post without an anchor is left alone."""

from typing import Any

import pytest

from domain.brand import Brand
from domain.errors import QueryError
from domain.post import Author, Post
from domain.query import BrandMatcher, compile_query
from domain.query.anchor import Anchor
from domain.query.document import Zone
from tests.kit.query import brands, post


def brand(query: str, name: str = "Aurora Air", **fields: Any) -> Brand:
    return Brand(name=name, query=query, **fields)


def found(matcher: BrandMatcher, heard: Post) -> dict[str, tuple[str, ...]]:
    return {brand.name: matched for brand, matched in matcher.match(heard)}


def test_every_brand_that_a_post_names_is_found_in_the_configured_order() -> None:
    matcher = BrandMatcher([brand("borealis", "Borealis"), brand("aurora OR аврора"), brand("zephyr", "Zephyr")])
    assert list(found(matcher, post("Аврору жду, borealis полетел")).items()) == [
        ("Borealis", ("borealis",)),
        ("Aurora Air", ("Аврору",)),
    ]
    assert found(matcher, post("nothing at all")) == {}


def test_a_post_by_the_brands_own_account_is_no_mention_of_it() -> None:
    matcher = BrandMatcher([brand("aurora", accounts=("vk:AuroraAir", "x:@aurora")), brand("aurora", "Rival")])
    assert found(matcher, post("aurora", author=Author(handle="auroraair"))) == {"Rival": ("aurora",)}
    assert found(matcher, post("aurora", network="x", author=Author(handle="Aurora"))) == {"Rival": ("aurora",)}
    assert len(found(matcher, post("aurora", network="x", author=Author(handle="auroraair")))) == 2


def test_brands_may_share_their_words() -> None:
    matcher = BrandMatcher([brand("aurora", "one"), brand('"aurora"', "two"), brand("auror*", "three")])
    assert set(found(matcher, post("Aurora"))) == {"one", "two", "three"}
    assert set(found(matcher, post("Auroras"))) == {"one", "three"}


def test_titles_and_fields_are_looked_up_too() -> None:
    matcher = BrandMatcher(
        [
            brand("title:aurora", "title"),
            brand("network:telegram", "network"),
            brand("lang:pt", "lang"),
            brand("kind:review", "kind"),
            brand("author:novak", "author"),
            brand("followers:>5", "followers"),
        ]
    )
    heard = post(
        "x", title="Aurora", network="telegram", lang="pt-BR", kind="review",
        author=Author(name="Jan Novák", followers=9),
    )  # fmt: skip
    assert list(found(matcher, heard)) == ["title", "network", "lang", "kind", "author", "followers"]
    assert found(matcher, post("y")) == {}


def test_a_matcher_of_no_brands_finds_nothing() -> None:
    assert BrandMatcher([]).match(post("aurora")) == []


def test_a_bad_query_names_its_brand() -> None:
    with pytest.raises(QueryError) as refused:
        BrandMatcher([brand("fine", "Fine"), brand("aurora (")])
    assert 'brand "Aurora Air"' in refused.value.message
    assert refused.value.position == 7


@pytest.mark.parametrize(
    ("query", "literals"),
    [
        ('"aurora air"', {"aurora"}),
        ("alza", {"alz"}),
        ("praha", {"prah", "praz"}),
        ("aurora AND delay", {"auror"}),
        ("aurora OR delay", {"auror", "dela"}),
        ("+aurora delay -refund", {"auror"}),
        ("شركة", {"شرك"}),
        ("auror*air", {"auror"}),
        ("@aurora_x", {"aurora"}),
        ("aurora~1", {"aur", "ora", "auorra"}),
        ("network:vk AND zephyr*", {"zephyr"}),
        ('network:vk AND (url:x OR "zephyr")', {"vk"}),
    ],
)
def test_an_anchor_is_the_rarest_thing_that_must_be_there(query: str, literals: set[str]) -> None:
    anchors = compile_query(query).anchors()
    assert anchors is not None
    assert {anchor.literal for anchor in anchors} == literals


def test_a_query_without_anything_to_look_for_has_no_anchor() -> None:
    assert compile_query("followers:>5").anchors() is None
    assert compile_query("aurora OR url:x").anchors() is None


def test_a_stem_wakes_only_at_the_start_of_a_word() -> None:
    assert compile_query("alza").anchors() == frozenset({Anchor("text", "alz", starts=True)})
    assert compile_query('"alza"').anchors() == frozenset({Anchor("text", "alza", starts=True, ends=True)})


def test_a_post_without_an_anchor_is_not_split_into_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Zone) -> list[str]:
        raise AssertionError

    monkeypatch.setattr(Zone, "words", property(refuse))
    matcher = BrandMatcher(brands(200))
    assert matcher.match(post("Nothing of interest was said, and nobody was named. Ничего. لا شيء")) == []


def test_the_order_of_building_does_not_matter() -> None:
    made = brands(50)
    heard = post(f"{made[3].name} refund air {made[30].name}")
    assert found(BrandMatcher(made), heard) == found(BrandMatcher(made[::-1]), heard)
