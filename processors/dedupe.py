"""MentionEvent -> MentionEvent with its story: the same text again, a repost, an edit. A fold, per brand.

The state is a bounded window in event time. It is kept as packed columns: they cost little to store with every
batch, and comparing one text with all 512 takes numpy about two microseconds, less than walking the bands of a
banded index in Python and copying them with every event would.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec import Struct
from msgspec.structs import replace

from domain.event import Event, MentionEvent, Output
from domain.mention import Mention, mention_id
from processors.fingerprint import Fingerprint, fingerprint

WINDOW_TEXTS = 512
WINDOW_TIME = timedelta(days=7)
NEAR_BITS = 8
"""Texts whose simhashes differ in at most this many of 64 bits tell the same story (measured: decision 0009)."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_WINDOW_MICROSECONDS = WINDOW_TIME // _MICROSECOND
_WIDTH = 8


class DedupeState(Struct, frozen=True, kw_only=True):
    """Texts heard lately, oldest use first: four columns of equal length, numbers of eight bytes each.

    `joined` gives the story of the latest mentions that did not begin one, and of originals that were never heard
    but reposted.
    """

    exact: bytes = b""
    simhash: bytes = b""
    used: bytes = b""
    stories: tuple[str, ...] = ()
    joined: dict[str, str] = {}


class Dedupe:
    """The fold `dedupe`."""

    name = "dedupe"
    accepts: tuple[type, ...] = (MentionEvent,)
    state_type = DedupeState

    def initial(self) -> DedupeState:
        """Nothing was heard yet."""
        return DedupeState()

    def due(self, state: DedupeState) -> datetime | None:  # noqa: ARG002  # the shape of a fold
        """Time alone changes nothing here."""
        return None

    def step(self, state: DedupeState, event: Event) -> tuple[DedupeState, list[Output]]:
        """Give a mention its story; one deleted or recounted keeps its own, else gets the one remembered of it."""
        if not isinstance(event, MentionEvent):
            return state, []
        if event.change in {"deleted", "recounted"}:
            return state, [_as_told(state, event)]
        state, story = _heard(state, event.mention, edited=event.change == "edited")
        return state, [replace(event, mention=replace(event.mention, story=story))]


def _as_told(state: DedupeState, event: MentionEvent) -> MentionEvent:
    mention = event.mention
    return event if mention.story else replace(event, mention=replace(mention, story=_story_of(state, mention.id)))


def _heard(state: DedupeState, mention: Mention, *, edited: bool) -> tuple[DedupeState, str]:
    """Find the story of a mention (its own already, its original's, its text's, or a new one) and remember both."""
    post = mention.post
    text, at = fingerprint(f"{post.title}\n{post.text}", post.account), (mention.event_at - _EPOCH) // _MICROSECOND
    row = _equal_row(state, text.exact, at)
    own = _own_story(state, mention.id, row, edited=edited)
    if own and not edited:
        return state, own
    original = mention_id(post.network, post.repost_of, mention.brand) if post.repost_of else ""
    story = own or (_story_of(state, original) if original else "")
    if row is None:
        near = None if story else _near_row(state, text.simhash, at)
        story = story or (mention.id if near is None else state.stories[near])
        state = state if near is None else _used_again(state, near, at)
        state = _with_text(state, text, at, story, begins=story == mention.id)
    else:
        story = story or state.stories[row]
        state = state if own else _used_again(state, row, at)
    joined = () if own else [name for name in (mention.id, original) if name not in {"", story}]
    return (_with_joined(state, joined, story) if joined else state), story


def _own_story(state: DedupeState, wanted: str, row: int | None, *, edited: bool) -> str:
    """Return the story that a mention has already. One heard anew is sought only where its text is, for speed."""
    if edited:
        return _story_of(state, wanted)
    return state.joined.get(wanted) or (wanted if row is not None and state.stories[row] == wanted else "")


def _story_of(state: DedupeState, wanted: str) -> str:
    """Return the story of a mention heard within the window, or nothing."""
    return state.joined.get(wanted) or (wanted if wanted in state.stories else "")


def _numbers(column: bytes, kind: str = "<u8") -> npt.NDArray[Any]:
    return np.frombuffer(column, dtype=kind)


def _in_time(state: DedupeState, rows: npt.NDArray[np.intp], at: int) -> npt.NDArray[np.intp]:
    near: npt.NDArray[np.intp] = rows[np.abs(_numbers(state.used, "<i8")[rows] - at) <= _WINDOW_MICROSECONDS]
    return near


def _equal_row(state: DedupeState, exact: int, at: int) -> int | None:
    """Return where the same wording was heard last within the window."""
    rows = (_numbers(state.exact) == np.uint64(exact)).nonzero()[0]
    rows = _in_time(state, rows, at) if rows.size else rows
    return int(rows[-1]) if rows.size else None


def _near_row(state: DedupeState, simhash: int, at: int) -> int | None:
    """Return where the closest wording that began a story was heard within the window."""
    if not simhash:
        return None
    simhashes = _numbers(state.simhash)
    distances = np.bitwise_count(simhashes ^ np.uint64(simhash))
    rows = ((distances <= NEAR_BITS) & (simhashes != 0)).nonzero()[0]
    rows = _in_time(state, rows, at) if rows.size else rows
    return int(rows[np.argmin(distances[rows])]) if rows.size else None


def _used_again(state: DedupeState, row: int, at: int) -> DedupeState:
    """Move a text to the young end of the window."""
    start, stop = row * _WIDTH, (row + 1) * _WIDTH
    used = max(int.from_bytes(state.used[start:stop], "little", signed=True), at)
    return DedupeState(
        exact=state.exact[:start] + state.exact[stop:] + state.exact[start:stop],
        simhash=state.simhash[:start] + state.simhash[stop:] + state.simhash[start:stop],
        used=state.used[:start] + state.used[stop:] + used.to_bytes(_WIDTH, "little", signed=True),
        stories=(*state.stories[:row], *state.stories[row + 1 :], state.stories[row]),
        joined=state.joined,
    )


def _with_text(state: DedupeState, text: Fingerprint, at: int, story: str, *, begins: bool) -> DedupeState:
    """Add a text. Only the one that began a story attracts close ones, so that a story cannot drift away."""
    gone = _expired(state, at)
    simhash = text.simhash if begins else 0
    return DedupeState(
        exact=state.exact[gone * _WIDTH :] + text.exact.to_bytes(_WIDTH, "little"),
        simhash=state.simhash[gone * _WIDTH :] + simhash.to_bytes(_WIDTH, "little"),
        used=state.used[gone * _WIDTH :] + at.to_bytes(_WIDTH, "little", signed=True),
        stories=(*state.stories[gone:], story),
        joined=state.joined,
    )


def _expired(state: DedupeState, at: int) -> int:
    """Count the texts at the old end that the window has no place or no time for."""
    used = _numbers(state.used, "<i8")
    gone = max(len(used) - WINDOW_TEXTS + 1, 0)
    while gone < len(used) and used[gone] < at - _WINDOW_MICROSECONDS:
        gone += 1
    return gone


def _with_joined(state: DedupeState, mentions: Sequence[str], story: str) -> DedupeState:
    joined = {**state.joined, **dict.fromkeys(mentions, story)}
    for oldest in list(joined)[: max(len(joined) - WINDOW_TEXTS, 0)]:
        del joined[oldest]
    return replace(state, joined=joined)
