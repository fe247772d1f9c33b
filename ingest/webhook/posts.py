"""The body of a delivery: one post or an array of posts."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from domain.errors import Refused
from domain.post import Record
from ingest.records.jsonl import decode
from ingest.records.post import PostReader


class BadBody(Exception):
    """Nothing of the body is taken. `index` is that of the bad post, None for the body itself."""

    def __init__(self, reason: str, detail: str, index: int | None = None) -> None:
        super().__init__(detail)
        self.reason, self.detail, self.index = reason, detail, index


def read_posts(body: bytes, posts: PostReader, *, delivery: str, now: datetime) -> list[Record]:
    """Return the records of a body, or raise BadBody for the first post that cannot be read.

    A post without created_at was written when it came. Without id as well, it is known by the delivery it came in, so
    that the same delivery sent again is the same posts.
    """
    try:
        found = decode(body)
    except (ValueError, RecursionError) as error:
        raise BadBody("bad_json", f"the body is no JSON: {error}") from error
    rows: list[Any] = found if isinstance(found, list) else [found]
    return [_record(row, index, posts, delivery, now) for index, row in enumerate(rows)]


def _record(row: Any, index: int, posts: PostReader, delivery: str, now: datetime) -> Record:
    if not isinstance(row, Mapping):
        raise BadBody("bad_json", "a post is a JSON object { }", index)
    try:
        post = posts.read(row, collected_at=now, undated=now, salt=f"{delivery}\n{index}")
    except Refused as refused:
        raise BadBody(refused.reason, refused.detail, index) from refused
    return Record(post=post, raw=msgspec.json.encode(row))
