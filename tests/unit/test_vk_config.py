"""What a `vk` source may be told, and the sentences for what it may not."""

from typing import Any

import pytest
from pydantic import ValidationError

from ingest.vk import Config
from tests.kit.ingest import SECRET


def config(**table: Any) -> Config:
    return Config.model_validate({"kind": "vk", "token": SECRET, **table})


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("auroraair", "auroraair"), ("@AuroraAir", "auroraair"), ("https://vk.com/AuroraAir?w=wall", "auroraair"),
        ("vk.ru/public501", "public501"), ("club501", "club501"), ("-501", "-501"), ("id1", "id1"),
    ],
)  # fmt: skip
def test_a_community_is_named_as_people_name_it(written: str, name: str) -> None:
    assert config(communities=[written]).communities == (name,)


@pytest.mark.parametrize("written", ["", "Aurora Air", "https://vk.com/", "501", "a/b", "аврора"])
def test_what_can_be_no_community_is_refused_with_the_way_to_write_it(written: str) -> None:
    with pytest.raises(ValidationError, match="write a community as auroraair"):
        config(communities=[written])


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({}, 'via = "wall" needs `communities`'),
        ({"via": "longpoll"}, 'via = "longpoll" needs `group`'),
        ({"via": "callback", "group": 501}, 'via = "callback" needs `secret` and `confirmation`'),
        ({"communities": ["a1"], "queries": ["acme"]}, '`queries` means nothing to via = "wall"'),
        ({"via": "search", "comments": False}, '`comments` means nothing to via = "search": it belongs to "wall"'),
        ({"via": "stream", "every": 9}, 'it belongs to "search" or "wall"'),
        ({"via": "search", "queries": [" "]}, "at least one word"),
        ({"via": "search", "calls_per_day": {"search": 3}}, "write a method and its calls"),
        ({"via": "search", "calls_per_day": {"wall.get": 0}}, "write a method and its calls"),
        ({"via": "search", "api": "ftp://x"}, "http or https"),
        ({"via": "search", "version": "6"}, "pattern"),
        ({"via": "stream", "streaming": "https://x"}, "wss://host"),
        ({"via": "telepathy"}, "wall"),
        ({"via": "search", "token": None}, 'via = "search" needs `token`'),
    ],
)
def test_a_mistake_is_told_in_a_sentence(table: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError) as told:
        config(**table)
    assert sentence in str(told.value)
    assert SECRET not in str(told.value)


def test_calls_of_a_day_that_are_not_named_keep_their_number() -> None:
    assert config(via="search", calls_per_day={"wall.search": 7}).calls_per_day == {
        "newsfeed.search": 1_000, "wall.get": 5_000, "wall.search": 7,
    }  # fmt: skip
