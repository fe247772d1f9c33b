"""Alternatives of a query side by side, as few questions as fit."""

import pytest

from domain.errors import SourceMisconfigured
from ingest.alternatives import side_by_side


def test_alternatives_stand_side_by_side_as_far_as_there_is_room() -> None:
    assert side_by_side(["acme", '"aurora air"', "boreal"], room=22, network="X") == [
        'acme OR "aurora air"',
        "boreal",
    ]
    assert side_by_side(["acme", "boreal"], room=14, network="X") == ["acme OR boreal"]
    assert side_by_side(["acme", "boreal"], room=13, network="X") == ["acme", "boreal"]


def test_what_is_said_twice_is_asked_once_and_nothing_asks_for_nothing() -> None:
    assert side_by_side(["acme", "acme"], room=50, network="X") == ["acme"]
    assert side_by_side([], room=50, network="X") == [""]


def test_one_that_is_too_long_is_named() -> None:
    with pytest.raises(SourceMisconfigured, match="longer than Reddit takes in a query: aurora"):
        side_by_side(["acme", "aurora air"], room=9, network="Reddit")
