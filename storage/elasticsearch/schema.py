"""The shape of the indices, chosen by what the cluster says it has; made and brought up to date by any process."""

import time
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from domain.errors import StoreError
from domain.query import terms
from storage.elasticsearch import brands, posts
from storage.elasticsearch.client import Cluster, reason_of
from storage.wording import stamp

MENTIONS, INCIDENTS, ALERTS, NEAR_MISSES = "mentions", "incidents", "alerts", "near-misses"
DEAD_LETTERS, ACTS, OUTBOX = "dead-letters", "acts", "outbox"

LONGEST_KEYWORD = 1_000
"""Characters of a value that can be filtered by and charted; a longer one is kept and shown, not found."""
LANGUAGES = {"ru": "russian", "ar": "arabic", "cs": "czech", "en": "english"}
"""Sub-fields of `text`, and the analyser of each, where the cluster has it."""
_BAD_REQUEST, _ABSENT = 400, 404
_THERE = b"resource_already_exists_exception"
_PRIORITY = 500
_LOOK_EVERY = 60.0

Mapping = dict[str, Any]

_KEYWORD: Mapping = {"type": "keyword", "ignore_above": LONGEST_KEYWORD}
_LOOKED_UP: Mapping = {**_KEYWORD, "doc_values": False}
_SHOWN: Mapping = {**_KEYWORD, "index": False, "doc_values": False}
_DATE: Mapping = {"type": "date"}
_DATE_SHOWN: Mapping = {"type": "date", "index": False}
_YES_NO: Mapping = {"type": "boolean", "index": False}
_FLOAT: Mapping = {"type": "float", "index": False}
_DOUBLE: Mapping = {"type": "double", "index": False}
_NUMBER: Mapping = {"type": "long", "index": False}
_ORDER: Mapping = {"type": "long"}
_TEXT: Mapping = {"type": "text", "norms": False}
_KEPT: Mapping = {"type": "object", "enabled": False}
"""The value itself, as JSON in a string: kept and given back, not looked into."""


def _each(names: Iterable[str], shape: Mapping) -> Mapping:
    return dict.fromkeys(names, shape)


def _inner(names: Iterable[str], shape: Mapping) -> Mapping:
    return {"dynamic": False, "properties": _each(names, shape)}


MENTION: Mapping = {
    "@timestamp": _DATE,
    "event_micros": _NUMBER,
    **_each(["id", "brand", "network", "source", "kind", "lang", "sentiment", "urgency", "theme"], _KEYWORD),
    "sentiment_value": {"type": "byte", "index": False},
    "sentiment_scores": _inner(["negative", "neutral", "positive"], _FLOAT),
    "urgency_scores": _inner(["low", "normal", "high", "critical"], _FLOAT),
    "toxicity": _FLOAT,
    "review": {"type": "boolean"},
    **_each(["review_why", "model", "corrected_by"], _KEYWORD),
    **_each(["reach", "influence", "priority"], _FLOAT),
    "author": {
        "dynamic": False,
        "properties": {
            **_each(["id", "name", "handle"], _KEYWORD),
            "url": _SHOWN,
            "followers": _NUMBER,
            **_each(["verified", "bot"], _YES_NO),
        },
    },
    "url": _SHOWN,
    "text": _TEXT,
    "title": _TEXT,
    "words": {"type": "text", "analyzer": "whitespace", "norms": False, "index_options": "docs"},
    **_each(["likes", "reposts", "replies", "views", "rating", "response_seconds"], _NUMBER),
    "story": _KEYWORD,
    "original": {"type": "boolean"},
    **_each(["matched", "addressed"], _KEYWORD),
    **_each(["created_at", "collected_at", "edited_at", "first_response_at"], _DATE_SHOWN),
    "deleted_at": _DATE,
    **_each(["post_id", "native_id", "reply_to", "repost_of"], _LOOKED_UP),
    "location": {"type": "geo_point"},
    "body": _KEPT,
}
"""`priority_rank` and the languages of `text` come to it where the cluster has them."""

_AT: Mapping = {"@timestamp": _DATE, "at_micros": _ORDER, "id": _KEYWORD, "brand": _KEYWORD, "body": _KEPT}
_REASON: Mapping = {
    **_each(["rule", "kind", "code", "model"], _KEYWORD),
    **_each(["observed", "expected", "threshold"], _DOUBLE),
}

FIXED: dict[str, Mapping] = {
    posts.INDEX: {"month": _KEYWORD, "body": _KEPT},
    brands.INDEX: {"brand": _KEYWORD, "sequence": _NUMBER, "turn": _NUMBER, "state": _KEPT},
    ALERTS: {**_AT, **_REASON, "group": _KEYWORD, "severity": _KEYWORD},
    NEAR_MISSES: {**_AT, **_REASON},
    INCIDENTS: {
        **_AT,
        **_each(["group", "status", "severity", "assignee", "acknowledged_by", "rules"], _KEYWORD),
        **_each(["opened_at", "updated_at", "acknowledged_at", "resolved_at"], _DATE),
        **_each(["alerts", "mentions", "seconds_to_acknowledge", "seconds_to_resolve"], _NUMBER),
    },
    DEAD_LETTERS: {
        **_AT,
        **_each(["source", "stage", "reason", "where"], _KEYWORD),
        "detail": _TEXT,
        "replayed_at": _DATE,
    },
    ACTS: {
        **_AT,
        **_each(["act", "subject", "by", "assignee", "sentiment", "urgency", "theme"], _KEYWORD),
    },
    OUTBOX: {
        **_AT,
        **_each(["receiver", "incident", "kind", "status", "error", "leased_by"], _KEYWORD),
        **_each(["place", "next_micros", "leased_until_micros"], _ORDER),
        **_each(["attempts", "thread_since"], _NUMBER),
        "thread_handle": _SHOWN,
        "sent_at": _DATE,
        "seconds_to_send": {"type": "double", "index": False},
    },
}
"""The indices that are not by month, with their fields."""

_REFRESH = {posts.INDEX: "30s", brands.INDEX: "30s", MENTIONS: "5s"}
"""How soon searches see what is written, where the default second would cost more than it gives."""
_LARGE = {posts.INDEX, MENTIONS}
"""What grows with the posts: packed better it takes two thirds of the disk, and no more time (measured on 9.5)."""


class _Meta(Struct):
    words: str = ""


class _Mappings(Struct):
    meta: _Meta = msgspec.field(default_factory=_Meta, name="_meta")


class _Shape(Struct):
    mappings: _Mappings = msgspec.field(default_factory=_Mappings)


class Schema:
    """Makes the indices of one installation, and knows which of the month indices there are."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.mentions = cluster.name(MENTIONS)
        self._outdated: dict[str, str] = {}
        self._look_at = 0.0

    def ensure(self) -> None:
        """Make what is missing and add fields that are new; any number of processes may do it at once."""
        shape = self.mention_shape()
        template = {
            "index_patterns": [f"{self.mentions}-*"],
            "priority": _PRIORITY,
            "template": {**self._body(MENTIONS, shape), "aliases": {self.mentions: {}}},
        }
        self._cluster.ask("PUT", f"/_index_template/{self.mentions}", template)
        self._cluster.ask("PUT", f"/{self.mentions}/_mapping", {"properties": shape}, also=(_ABSENT,))
        for name, fields in FIXED.items():
            index = self._cluster.name(name)
            if not self._make(index, self._body(name, fields)):
                self._cluster.ask("PUT", f"/{index}/_mapping", {"properties": fields})

    def month_index(self, month: str) -> str:
        """The name of the index of a month (`2026-11`)."""
        return f"{self.mentions}-{month.replace('-', '.')}"

    def make(self, index: str) -> None:
        """Make the index of a month, which the template shapes, unless it is there."""
        self._make(index, {})

    def mark_current(self, index: str) -> None:
        """Say that the words of a month's index are made with these word forms, once searches see them all."""
        self._cluster.ask("POST", f"/{index}/_refresh")
        self._cluster.ask("PUT", f"/{index}/_mapping", {"_meta": {"words": stamp(terms)}})
        self._look_at = 0.0

    def months(self) -> dict[str, str]:
        """The months that have an index, with its name; the oldest first."""
        return {self._month(name): name for name in sorted(self._words())}

    def outdated(self, *, look: bool = False) -> dict[str, str]:
        """The months whose words were made with other word forms, with the name of the index.

        Looked up anew once a minute, or with `look` at once.
        """
        now = time.monotonic()
        if look or now >= self._look_at:
            current = stamp(terms)
            self._outdated = {self._month(name): name for name, words in self._words().items() if words != current}
            self._look_at = now + _LOOK_EVERY
        return self._outdated

    def _words(self) -> dict[str, str]:
        """What the words of each month's index were made with, by the index's name."""
        # `dynamic` is there for the indices that say nothing of their words.
        wanted = {"filter_path": "*.mappings._meta.words,*.mappings.dynamic"}
        answer = self._cluster.ask("GET", f"/{self.mentions}/_mapping", params=wanted, also=(_ABSENT,))
        if answer.status == _ABSENT:
            return {}
        shapes = msgspec.json.decode(answer.body, type=dict[str, _Shape])
        return {name: shape.mappings.meta.words for name, shape in shapes.items()}

    def _month(self, index: str) -> str:
        return index[len(self.mentions) + 1 :].replace(".", "-")

    def mention_shape(self) -> Mapping:
        """The fields of a mention on this cluster."""
        shape = dict(MENTION)
        languages = {
            name: {"type": "text", "analyzer": analyser, "norms": False}
            for name, analyser in LANGUAGES.items()
            if self._offers({"type": "text", "analyzer": analyser})
        }
        if languages:
            shape["text"] = {**_TEXT, "fields": languages}
        if self._offers({"type": "rank_feature"}):
            shape["priority_rank"] = {"type": "rank_feature"}
        return shape

    def _offers(self, field: Mapping) -> bool:
        """Whether the cluster knows such a field."""
        probe = {"index_patterns": [f"{self.mentions}-*"], "template": {"mappings": {"properties": {"f": field}}}}
        answer = self._cluster.ask(
            "POST", "/_index_template/_simulate", {**probe, "priority": _PRIORITY + 1}, also=(_BAD_REQUEST,)
        )
        return answer.status != _BAD_REQUEST

    def _body(self, name: str, fields: Mapping) -> Mapping:
        settings: Mapping = {
            "number_of_shards": 1,
            "number_of_replicas": self._cluster.settings.replicas,
            # A number or a date that no field can hold is left out of the field; the mention is taken all the same.
            "index.mapping.ignore_malformed": True,
        }
        if name in _LARGE:
            settings["codec"] = "best_compression"
        if name in _REFRESH:
            settings["refresh_interval"] = _REFRESH[name]
        mappings: Mapping = {"dynamic": False, "properties": fields}
        if name == MENTIONS:
            mappings["_meta"] = {"words": stamp(terms)}
        return {"settings": settings, "mappings": mappings}

    def _make(self, index: str, body: Mapping) -> bool:
        """Make an index; return False if it is there already."""
        answer = self._cluster.ask("PUT", f"/{index}", body, also=(_BAD_REQUEST,))
        if answer.status == _BAD_REQUEST and _THERE not in answer.body:
            raise StoreError(f"Elasticsearch does not make the index {index}: {reason_of(answer.body)}")
        return answer.status != _BAD_REQUEST
