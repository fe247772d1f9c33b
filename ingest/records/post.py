"""A row becomes a Post, or is refused with a reason."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from msgspec import structs

from domain.errors import Refused
from domain.ids import stable_id
from domain.post import Author, Engagement, Origin, Post
from ingest.records import values
from ingest.records.fields import Columns
from ingest.records.times import read_time

FURTHEST_FUTURE = timedelta(days=1)
"""A clock may be a little wrong; a post of next week is a mistake."""

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_NETWORK = re.compile(r"[\w.-]{1,64}")
_NOBODY = Author()
_NO_COUNTS = Engagement()
_AUTHOR_FIELDS = frozenset({"author_id", "author_name", "author_handle", "author_url", "followers"})
_COUNTS = frozenset({"likes", "reposts", "replies", "views"})
_UNSEEN = frozenset({"\ufeff", "\u200b", "\u200c", "\u200d", "\u2060"})


class PostReader:
    """Reads rows of one source. Pure: the time of collection is an argument."""

    def __init__(
        self,
        columns: Columns,
        *,
        source: str,
        network: str,
        lang: str = "",
        zone: tzinfo = UTC,
        origin: Origin = "live",
    ) -> None:
        self._columns = columns
        self._source, self._network, self._lang = source, network, lang
        self._zone, self._origin = zone, origin

    def read(
        self, row: Mapping[str, Any], *, collected_at: datetime, undated: datetime | None = None, salt: str = ""
    ) -> Post:
        """Return the post of a row. `undated` stands in for a missing date.

        A row without id gets a hash of (network, text, its date, author); `salt` tells apart rows that have neither
        id nor date. Raises Refused: no_text, no_date, bad_date, no_id (a deletion of nothing), bad_network,
        bad_field.
        """
        fields = self._columns.read(row)
        deleted = values.flag(fields.get("deleted"))
        text, title = ("", "") if deleted else _text_and_title(fields)
        network = self._network_of(fields.get("network"))
        native_id = values.words(fields.get("id"), "id").strip()
        author = _author(fields)
        claimed = self._time(fields, "created_at", collected_at)
        if deleted and not native_id:
            raise Refused("no_id", "the row says deleted and has no id to say of what")
        created_at = claimed or undated or (collected_at if deleted else None)
        if created_at is None:
            raise Refused("no_date", "the row has no created_at, and the time of reading would be wrong for history")
        if not native_id:
            written = claimed.isoformat() if claimed else salt
            native_id = stable_id(network, text, written, author.handle or author.id or author.name)
        edited_at = self._time(fields, "edited_at", collected_at)
        return Post(
            network=network,
            native_id=native_id,
            text=text,
            title=title,
            created_at=created_at,
            collected_at=collected_at,
            source=self._source,
            version=edited_at.isoformat() if edited_at and not deleted else "",
            origin=self._origin,
            kind=values.kind(fields.get("kind")),
            edited_at=edited_at,
            url=values.link(fields.get("url")),
            author=author,
            lang=values.language(fields.get("lang"), self._lang),
            engagement=_engagement(fields, collected_at),
            reply_to=values.words(fields.get("reply_to"), "reply_to"),
            repost_of=values.words(fields.get("repost_of"), "repost_of"),
            rating=values.rating(fields.get("rating")),
            deleted=deleted,
        )

    def _network_of(self, value: Any) -> str:
        if value is None:
            return self._network
        network = values.words(value, "network").strip().lower()
        if not _NETWORK.fullmatch(network):
            raise Refused("bad_network", f"{network[:80]!r} is not the name of a network (letters, digits, . _ -)")
        return network

    def _time(self, fields: Mapping[str, Any], field: str, collected_at: datetime) -> datetime | None:
        value = fields.get(field)
        if value is None:
            return None
        try:
            moment = read_time(value, self._zone)
        except ValueError as error:
            shown = repr(value)[:80]
            raise Refused("bad_date", f"{field} {shown} is no time: write ISO 8601, RFC 2822 or unix time") from error
        if moment > collected_at + FURTHEST_FUTURE:
            raise Refused("bad_date", f"{field} {moment.isoformat()} lies in the future")
        if moment < _EARLIEST:
            raise Refused("bad_date", f"{field} {moment.isoformat()} lies before any network")
        return moment


def _text_and_title(fields: Mapping[str, Any]) -> tuple[str, str]:
    """A title alone is the text."""
    text, title = values.words(fields.get("text"), "text"), values.words(fields.get("title"), "title")
    if _visible(text):
        return text, title
    if _visible(title):
        return title, ""
    raise Refused("no_text", "the row has no text")


def _author(fields: Mapping[str, Any]) -> Author:
    found = values.author(fields["author"]) if "author" in fields else _NOBODY
    if _AUTHOR_FIELDS.isdisjoint(fields):
        return found
    apart = {
        "id": values.words(fields.get("author_id"), "author_id"),
        "name": values.words(fields.get("author_name"), "author_name"),
        "handle": values.words(fields.get("author_handle"), "author_handle").removeprefix("@"),
        "url": values.link(fields.get("author_url")),
        "followers": values.count(fields.get("followers")),
    }
    return structs.replace(
        found, **{name: value for name, value in apart.items() if value is not None and value != ""}
    )


def _engagement(fields: Mapping[str, Any], collected_at: datetime) -> Engagement:
    if _COUNTS.isdisjoint(fields):
        return _NO_COUNTS
    counts = {name: values.count(fields.get(name)) for name in _COUNTS}
    return Engagement(**counts, as_of=collected_at)


def _visible(text: str) -> bool:
    stripped = text.strip()
    return bool(stripped) and not _UNSEEN.issuperset(stripped)
