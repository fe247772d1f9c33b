"""`via = "webhook"`: changes of a page's feed, mentions of it, recommendations and messages, as Meta brings them."""

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct

from domain.dead_letter import RAW_LIMIT
from ingest.deliveries import COMMIT_WAIT, IDLE_WAIT
from ingest.facebook.config import Config
from ingest.facebook.pages import COMMENT_FIELDS, POST_FIELDS, RIGHTS, meet
from ingest.facebook.parse import (
    NETWORK,
    Person,
    Written,
    is_on_page,
    read_comment,
    read_post,
    record,
    reviewed,
)
from ingest.graph.answers import NotAllowed, ObjectGone, decode
from ingest.graph.api import Graph, segment
from ingest.graph.changes import Told
from ingest.graph.inbox import InboxSource, Outcome
from ingest.graph.tokens import TokenWatch
from ingest.graph.wall import Place, Reading
from ingest.graph.words import moment
from ingest.http import PoliteClient
from ingest.markup import clean
from ingest.recent import deletion

_POSTS = frozenset({"post", "status", "photo", "video", "share", "link", "album", "event", "note", "reel"})
_FIELDS = frozenset({"feed", "mention", "ratings"})
_WRITTEN = frozenset({"add", "edited", "edit", "update", "unhide", "unblock"})
_AWAY = frozenset({"remove", "delete", "hide", "block"})


class _Link(Struct):
    permalink_url: str = ""


class _Value(Struct, rename={"by": "from"}):
    item: str = ""
    verb: str = ""
    post_id: str = ""
    comment_id: str = ""
    parent_id: str = ""
    message: str | None = None
    created_time: int | float | str = 0
    by: Person | None = None
    sender_id: str | int = ""
    sender_name: str = ""
    post: _Link | None = None
    permalink_url: str = ""
    open_graph_story_id: str = ""
    reviewer_id: str | int = ""
    reviewer_name: str = ""
    review_text: str | None = None
    recommendation_type: str | None = None
    rating: int | None = None


class Unread(Struct, frozen=True):
    """A change that names an object without its words: they must be asked for. `under` is the post of a comment."""

    id: str
    under: str = ""


class PageChanges(Told[Unread]):
    """See `ingest.graph.changes`. `graph` is None without a token: then pages are known by their numbers."""

    object, network = "page", NETWORK

    def __init__(self, source: str, graph: Graph | None, *, clock: Callable[[], datetime]) -> None:
        super().__init__(source, clock=clock)
        self._graph = graph

    def change(self, raw: bytes, reading: Reading, *, said_at: float) -> Outcome | Unread | None:
        """Read the value of a change."""
        return read_change(raw, reading, said_at=said_at)

    async def meet(self, number: str) -> Place:
        """Ask who a page is."""
        if self._graph is None:
            return Place(network=NETWORK, id=number)
        return await meet(self._graph, number, ask="id,name,username,followers_count")

    async def asked(self, told: Unread, place: Place) -> Outcome | None:
        """Ask for a post or a comment."""
        if self._graph is None:
            return None
        fields = COMMENT_FIELDS if told.under else POST_FIELDS
        try:
            body = await self._graph.get_raw(segment(told.id), {"fields": fields})
        except (ObjectGone, NotAllowed):
            return None
        reading = self.reading(place, f"comments {told.under}" if told.under else "feed")
        found = read_comment(body, reading, under=told.under) if told.under else read_post(body, reading)
        return found.outcome


def read_change(raw: bytes, reading: Reading, *, said_at: float) -> Outcome | Unread | None:
    """Read the value of a change; None for what is nothing to read (reactions, a photo alone).

    `said_at` is when Meta told it (unix seconds), for a change without a time of its own.
    """
    try:
        value = decode(raw, _Value)
        at = moment(value.created_time or said_at)
    except ValueError as error:
        return reading.letter("bad_change", f"not a change: {error}", raw) if reading.edge in _FIELDS else None
    written = _written(value, at, reading)
    if written is None or value.verb not in _WRITTEN | _AWAY:
        return None
    if not written.id:
        return reading.letter("bad_change", "the change names no post and no comment", raw)
    if value.verb in _AWAY:
        return deletion(NETWORK, clean(written.id), source=reading.source, at=reading.at, raw=raw[:RAW_LIMIT])
    if value.message is None and value.verb != "add" and written.kind != "review":
        return Unread(written.id, value.post_id if written.kind == "comment" else "")
    return record(written, raw, reading)


def _written(value: _Value, at: datetime, reading: Reading) -> Written | None:
    """Say what a change speaks of; None for reactions and the like."""
    if reading.edge == "ratings" and value.item == "rating":
        return reviewed(
            reading.place,
            story=value.open_graph_story_id,
            by=Person(str(value.reviewer_id), value.reviewer_name),
            at=at,
            text=value.review_text,
            word=value.recommendation_type,
            rating=value.rating,
        )
    is_comment = value.item == "comment"
    if reading.edge not in _FIELDS or not (is_comment or value.item in _POSTS):
        return None
    parent = "" if is_comment or value.parent_id in {value.post_id, reading.place.id} else value.parent_id
    return Written(
        id=value.comment_id if is_comment else value.post_id,
        at=at,
        text=value.message or "",
        kind="comment" if is_comment else "repost" if parent else "post",
        by=value.by or Person(str(value.sender_id), value.sender_name),
        url=value.permalink_url or (value.post.permalink_url if value.post else ""),
        reply_to=(value.parent_id or value.post_id) if is_comment else "",
        repost_of=parent,
        on_page=is_on_page(value.post_id, reading.place),
    )


def webhook_source(
    config: Config,
    *,
    client: PoliteClient,
    clock: Callable[[], datetime],
    commit_wait: float = COMMIT_WAIT,
    idle_wait: float = IDLE_WAIT,
) -> InboxSource:
    """Make the source."""
    graph = Graph(config, client=client) if config.token else None
    return InboxSource(
        config,
        config.name,
        PageChanges(config.name, graph, clock=clock),
        watch=TokenWatch(config, graph, clock=clock) if graph else None,
        wanted=(*RIGHTS, "pages_manage_metadata"),
        clock=clock,
        commit_wait=commit_wait,
        idle_wait=idle_wait,
    )
