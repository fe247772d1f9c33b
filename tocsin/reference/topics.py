"""The AsyncAPI document of the cluster's topics, put together from the messages that the code encodes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from domain.dead_letter import DeadLetter
from domain.post import Record
from tocsin.runtimes.cluster import wire

Schema = dict[str, Any]


@dataclass(frozen=True)
class Topic:
    """One topic: what a message of it is, what its key is, and who writes and reads it."""

    message: Any
    key: str
    about: str
    writers: tuple[str, ...]
    readers: tuple[str, ...]


def _line(topic: wire.Line, message: Any, key: str, about: str, *, writer: str, reader: str) -> dict[str, Topic]:
    history = f"{about} History: served while `{topic}` is idle, and it wakes nobody."
    return {
        topic: Topic(message, key, about, (writer,), (reader,)),
        wire.backfill(topic): Topic(message, key, history, (writer,), (reader,)),
    }


TOPICS: Mapping[str, Topic] = {
    **_line(
        "posts", Record, "none, or `again` for a known post to be looked at anew; the partition is that of its id",
        "Posts as networks published them, with the raw record they were read from.",
        writer="ingest", reader="process",
    ),
    **_line(
        "mentions", wire.Heard, "the brand",
        "Mentions, judged and scored: new, edited or deleted, each with the place of its post.",
        writer="process", reader="alert",
    ),
    **_line(
        "stories", wire.Told, "the brand",
        "The same mentions with their story, as they are to be indexed.",
        writer="alert", reader="index",
    ),
    wire.POSTS_DEAD: Topic(
        DeadLetter, "the source", "Posts that could not be processed, with the reason and the raw bytes.",
        ("ingest", "process"), ("index",),
    ),
    wire.MENTIONS_DEAD: Topic(
        DeadLetter, "the source", "Mentions that could not be processed, with the reason and the raw bytes.",
        ("alert",), ("index",),
    ),
}  # fmt: skip
"""Every topic whose values are JSON. `cursors` holds what each source was told last, in the source's own form."""


def asyncapi() -> str:
    """Write the document (AsyncAPI 3.0, JSON)."""
    kinds = list(dict.fromkeys(topic.message for topic in TOPICS.values()))
    schemas, components = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    schema_of = dict(zip(kinds, schemas, strict=True))
    document: Schema = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Tocsin's topics",
            "version": "1",
            "description": (
                "Names are without the configured prefix. The value of a record is a JSON array of messages, at most "
                f"{wire.MOST_MESSAGES}; a single message alone is read as an array of one. Delivery is at least "
                "once: a reader tells repeats by `origin` (mentions) and by `sequence` (stories)."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {name: _channel(name, topic, schema_of[topic.message]) for name, topic in TOPICS.items()},
        "operations": dict(_operations()),
        "components": {"schemas": components},
    }
    return json.dumps(document, indent=1, ensure_ascii=False, sort_keys=False) + "\n"


def _channel(name: str, topic: Topic, schema: Schema) -> Schema:
    payload = {"type": "array", "minItems": 1, "maxItems": wire.MOST_MESSAGES, "items": schema}
    key = {"type": "string", "description": topic.key}
    message = {"payload": payload, "bindings": {"kafka": {"key": key}}}
    return {"address": name, "description": topic.about, "messages": {"record": message}}


def _operations() -> list[tuple[str, Schema]]:
    found = []
    for name, topic in TOPICS.items():
        at: Schema = {"channel": {"$ref": f"#/channels/{name}"}}
        found += [(f"{who} writes {name}", {"action": "send", **at}) for who in topic.writers]
        found += [(f"{who} reads {name}", {"action": "receive", **at}) for who in topic.readers]
    return found
