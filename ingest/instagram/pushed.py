"""`via = "webhook"`: comments on one's own media, mentions elsewhere, and messages, as Meta brings them.

A mention comes without its words: they are asked for before the delivery is answered, because Meta tells it only once
it was answered and never again.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime

import msgspec
from msgspec import Struct

from domain.dead_letter import DeadLetter
from domain.post import Record
from ingest.deliveries import COMMIT_WAIT, IDLE_WAIT
from ingest.graph.answers import NotAllowed, ObjectGone, decode
from ingest.graph.api import Graph, segment
from ingest.graph.changes import Told
from ingest.graph.inbox import InboxSource, Outcome
from ingest.graph.tokens import TokenWatch
from ingest.graph.wall import Place, Reading
from ingest.graph.words import moment
from ingest.http import PoliteClient
from ingest.instagram.config import Config
from ingest.instagram.media import MEDIA_FIELDS, RIGHTS, meet
from ingest.instagram.parse import NETWORK, Person, Written, read_comment, read_media, record

_COMMENTS = frozenset({"comments", "live_comments"})
_MENTIONED_COMMENT = "id,text,timestamp,like_count,media{id,permalink}"
_KEPT = 1_000


class _Media(Struct):
    id: str = ""


class _Comment(Struct, rename={"by": "from"}):
    id: str
    text: str | None = None
    by: Person | None = None
    media: _Media | None = None
    parent_id: str | None = None


class Mention(Struct, frozen=True):
    """Where the account is mentioned: in a caption, or in a comment."""

    media_id: str
    comment_id: str = ""


class _Answer(Struct):
    mentioned_media: msgspec.Raw = msgspec.Raw()
    mentioned_comment: msgspec.Raw = msgspec.Raw()


class AccountChanges(Told[Mention]):
    """See `ingest.graph.changes`."""

    object, network = "instagram", NETWORK

    def __init__(self, source: str, graph: Graph, *, clock: Callable[[], datetime]) -> None:
        super().__init__(source, clock=clock)
        self._graph = graph
        self._mentions: dict[tuple[str, Mention], Outcome | None] = {}
        self._asking = asyncio.Lock()

    def change(self, raw: bytes, reading: Reading, *, said_at: float) -> Outcome | Mention | None:
        """Read the value of a change."""
        return read_change(raw, reading, said_at=said_at)

    async def meet(self, number: str) -> Place:
        """Ask who an account is."""
        return await meet(self._graph, number)

    async def asked(self, told: Mention, place: Place) -> Outcome | None:
        """Ask for the words of a mention, once, however often its delivery is sent."""
        async with self._asking:
            key = place.id, told
            if key not in self._mentions:
                self._mentions[key] = await self._ask(told, place)
                for old in list(self._mentions)[:-_KEPT]:
                    del self._mentions[old]
            return self._mentions[key]

    async def _ask(self, mention: Mention, place: Place) -> Outcome | None:
        if mention.comment_id:
            wanted = f"mentioned_comment.comment_id({mention.comment_id}){{{_MENTIONED_COMMENT}}}"
        else:
            wanted = f"mentioned_media.media_id({mention.media_id}){{{MEDIA_FIELDS}}}"
        try:
            answer = await self._graph.get(segment(place.id), {"fields": wanted}, _Answer)
        except (ObjectGone, NotAllowed):
            return None
        reading = self.reading(place, "mentions")
        comment, medium = bytes(answer.mentioned_comment), bytes(answer.mentioned_media)
        if comment:
            return read_comment(comment, reading, under=mention.media_id, on_account=False)[0].outcome
        return read_media(medium, reading).outcome if medium else None


def read_change(raw: bytes, reading: Reading, *, said_at: float) -> Record | DeadLetter | Mention | None:
    """Read the value of a change; None for what is nothing to read.

    `said_at` is when Meta told it (unix seconds): a comment comes without its own time.
    """
    try:
        if reading.edge == "mentions":
            return decode(raw, Mention)
        if reading.edge not in _COMMENTS:
            return None
        comment = decode(raw, _Comment)
        at = moment(said_at)
    except ValueError as error:
        return reading.letter("bad_change", f"not a change: {error}", raw)
    written = Written(
        id=comment.id,
        at=at,
        text=comment.text or "",
        kind="comment",
        by=comment.by or Person(),
        reply_to=comment.parent_id or (comment.media.id if comment.media else ""),
        on_account=True,
    )
    return record(written, raw, reading)


def webhook_source(
    config: Config,
    *,
    client: PoliteClient,
    clock: Callable[[], datetime],
    commit_wait: float = COMMIT_WAIT,
    idle_wait: float = IDLE_WAIT,
) -> InboxSource:
    """Make the source."""
    graph = Graph(config, client=client)
    return InboxSource(
        config,
        config.name,
        AccountChanges(config.name, graph, clock=clock),
        watch=TokenWatch(config, graph, clock=clock),
        wanted=RIGHTS,
        clock=clock,
        commit_wait=commit_wait,
        idle_wait=idle_wait,
    )
