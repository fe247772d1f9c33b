"""Finds mentions: Elasticsearch narrows, and of a text query the query itself has the last word on each candidate."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import msgspec
from msgspec import Struct

from domain.mention import Mention, MentionQuery
from domain.query import Query, analyse, compile_query
from domain.query.index import Expression, Words
from storage.elasticsearch import reading
from storage.elasticsearch.client import Cluster
from storage.elasticsearch.documents import LONGEST_WORD, UNSURE, exact
from storage.elasticsearch.schema import Schema
from storage.facets import FACETS, stat_rows, tally_mentions
from storage.moments import micros
from storage.store import StatRow

_CANDIDATES_AT_ONCE = 200
_BUCKETS_AT_ONCE = 1_000
_WAIT = "response_seconds"
_DEEPEST = 15
"""Levels of an expression that are asked; Elasticsearch takes 30, and each may need two."""
_MOST_BEGINNINGS = 500

_MENTION = msgspec.json.Decoder(Mention)
_NEWEST_FIRST: reading.Sort = [{"@timestamp": "desc"}, {"event_micros": "desc"}, {"id": "asc"}]
"""The first alone lets Elasticsearch pass over old mentions; it knows no microseconds, so the second follows."""


class Search:
    """Answers a MentionQuery, the same as every other store does."""

    def __init__(self, cluster: Cluster, schema: Schema) -> None:
        self._cluster, self._schema, self._index = cluster, schema, schema.mentions

    def search(self, query: MentionQuery) -> list[Mention]:
        """A page of mentions, newest event first."""
        if query.text:
            start, size = max(query.offset, 0), max(query.limit, 0)
            return list(islice(self._matching(query), start, start + size))
        conditions = reading.everything(_filters(query))
        found = reading.find(
            self._cluster, self._index, conditions, _NEWEST_FIRST, limit=query.limit, offset=query.offset
        )
        return [_MENTION.decode(one.body) for one in found]

    def count(self, query: MentionQuery) -> int:
        """How many mentions there are to page through."""
        if query.text:
            return sum(1 for _ in self._matching(query))
        return reading.count(self._cluster, self._index, reading.everything(_filters(query)))

    def stats(self, query: MentionQuery) -> list[StatRow]:
        """Counts per brand, most mentions first."""
        if query.text:
            return tally_mentions(self._matching(query))
        counted, conditions = dict[str, tuple[Counter[str], ...]](), reading.everything(_filters(query))
        responses: dict[str, Counter[int]] = {}
        for field, brand, value, number in self._counts(conditions, (*FACETS, _WAIT)):
            if field == _WAIT:
                responses.setdefault(brand, Counter())[int(value)] += number
            else:
                counters = counted.setdefault(brand, tuple(Counter() for _ in FACETS))
                counters[FACETS.index(field)][str(value)] += number
        return stat_rows(counted, responses)

    def _counts(self, conditions: reading.Query, fields: Iterable[str]) -> Iterator[tuple[str, str, str | int, int]]:
        """Yield (field, brand, value, exact count) of each field's values by brand, however many there are of either.

        A mention without the field is not among them.
        """
        after: dict[str, dict[str, Any]] = {field: {} for field in fields}
        while after:
            asked = {field: {"composite": _pairs(field, place)} for field, place in after.items()}
            answer = _ADDED_UP.decode(reading.aggregate(self._cluster, self._index, conditions, asked))
            after = {}
            for field, pairs in answer.aggregations.items():
                for bucket in pairs.buckets:
                    yield field, bucket.key.brand, bucket.key.value, bucket.doc_count
                if pairs.after_key:
                    after[field] = pairs.after_key

    def _matching(self, query: MentionQuery) -> Iterator[Mention]:
        """Yield the mentions that the text query finds, newest event first."""
        compiled = compile_query(query.text)
        conditions = [*_filters(query), *self._narrowed(compiled)]
        candidates = reading.scan(
            self._cluster, self._index, reading.everything(conditions), _NEWEST_FIRST, first=_CANDIDATES_AT_ONCE
        )
        for candidate in candidates:
            mention = _MENTION.decode(candidate.body)
            if compiled.match(analyse(mention.post)) is not None:
                yield mention

    def _narrowed(self, compiled: Query) -> list[reading.Query]:
        """What the words of candidates must be like; in a month indexed with other word forms all are candidates."""
        expression = compiled.narrowing()
        asked = None if expression is None else narrowing(expression)
        if asked is None:
            return []
        open_ended: list[reading.Query] = [{"term": {"words": UNSURE}}]
        outdated = self._schema.outdated()
        if outdated:
            open_ended.append({"terms": {"_index": list(outdated.values())}})
        return [{"bool": {"should": [asked, *open_ended]}}]


def narrowing(expression: Expression) -> reading.Query | None:
    """Spell an expression for the field `words`; None where Elasticsearch would not take it whole."""
    return None if _beginnings(expression) > _MOST_BEGINNINGS else _spelled(expression, 1)


def _spelled(expression: Expression, level: int) -> reading.Query | None:
    if isinstance(expression, Words):
        literal = expression.literal[:LONGEST_WORD]
        return {"prefix" if expression.open_ended else "term": {"words": literal}}
    parts = [None if level == _DEEPEST else _spelled(part, level + 1) for part in expression.parts]
    known = [part for part in parts if part is not None]
    if expression.how == "all":
        return reading.everything(known) if known else None
    return {"bool": {"should": known}} if len(known) == len(parts) else None


def _beginnings(expression: Expression) -> int:
    if isinstance(expression, Words):
        return 1
    return sum(map(_beginnings, expression.parts))


def _filters(query: MentionQuery) -> list[reading.Query]:
    """The conditions that fields can answer."""
    conditions: list[reading.Query] = [{"bool": {"must_not": {"exists": {"field": "deleted_at"}}}}]
    conditions += [
        {"term": {field: exact(wanted)}} for field in ("brand", *FACETS) if (wanted := getattr(query, field))
    ]
    if query.review:
        conditions.append({"term": {"review": True}})
    whole: dict[str, Any] = {}
    fine: dict[str, int] = {}
    if query.since is not None:
        whole["gte"], fine["gte"] = query.since, micros(query.since)
    if query.until is not None:
        whole["lte"], fine["lt"] = query.until, micros(query.until)
    if whole:
        # Milliseconds are looked up fast, microseconds decide.
        conditions += [{"range": {"@timestamp": whole}}, {"range": {"event_micros": fine}}]
    return conditions


class _Pair(Struct):
    brand: str
    value: str | int


class _Bucket(Struct):
    key: _Pair
    doc_count: int


class _Pairs(Struct):
    buckets: list[_Bucket] = []
    after_key: dict[str, Any] = {}


class _AddedUp(Struct):
    aggregations: dict[str, _Pairs] = {}


_ADDED_UP = msgspec.json.Decoder(_AddedUp)


def _pairs(field: str, after: dict[str, Any]) -> dict[str, Any]:
    sources = [{"brand": {"terms": {"field": "brand"}}}, {"value": {"terms": {"field": field}}}]
    return {"size": _BUCKETS_AT_ONCE, "sources": sources, **({"after": after} if after else {})}
