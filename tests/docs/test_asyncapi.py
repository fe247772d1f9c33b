"""The AsyncAPI document says what the processes really write."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from domain.dead_letter import DeadLetter
from domain.event import MentionEvent
from domain.mention import Mention
from storage.cluster import Origin
from tests.kit.engine import START, record
from tocsin.reference.topics import TOPICS
from tocsin.runtimes.cluster import wire

DOCUMENT: dict[str, Any] = json.loads((Path(__file__).parents[2] / "docs/reference/asyncapi.json").read_text())
RECORD = record(1, "aurora bad wing")
EVENT = MentionEvent(mention=Mention(id="m", brand="Aurora Air", post=RECORD.post, event_at=START))
WRITTEN: dict[str, Any] = {
    "posts": RECORD,
    "mentions": wire.Heard(event=EVENT, origin=Origin(line="posts-0", offset=3, place=0), month="2026-03"),
    "stories": wire.Told(event=EVENT, sequence=7, month="2026-03"),
    "posts.dead": DeadLetter(source="s", stage="match", reason="r", detail="d", where="w", raw=b"\xff", at=START),
    "mentions.dead": DeadLetter(source="s", stage="dedupe", reason="r", detail="d", where="w", raw=b"", at=START),
}


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for inner in part.values():
            yield from references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from references(inner)


@pytest.mark.parametrize("topic", TOPICS)
def test_what_is_written_into_a_topic_is_what_its_channel_says(topic: str) -> None:
    payload = DOCUMENT["channels"][topic]["messages"]["record"]["payload"]
    schema = {**payload, "components": DOCUMENT["components"]}
    (value, _), *_ = wire.encode([WRITTEN[topic.removesuffix(".backfill")]] * 2)
    Draft202012Validator(schema).validate(json.loads(value))
    assert not Draft202012Validator(schema).is_valid([{"nothing": "of the kind"}])


def test_every_reference_leads_somewhere() -> None:
    found = set(references(DOCUMENT))
    assert found
    for reference in found:
        place: Any = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]
        assert place


def test_every_topic_has_a_writer() -> None:
    said = {
        operation["channel"]["$ref"] for operation in DOCUMENT["operations"].values() if operation["action"] == "send"
    }
    assert said == {f"#/channels/{topic}" for topic in TOPICS}


def test_every_message_is_read_back_as_it_was_written() -> None:
    for topic, message in WRITTEN.items():
        (value, count), *_ = wire.encode([message])
        assert count == 1
        assert wire.Reader(TOPICS[topic].message).read(value) == [message]
        assert wire.Reader(TOPICS[topic].message).read(msgspec.json.encode(message)) == [message]
