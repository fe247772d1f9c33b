"""What the one contract suite of sources (tests/contract/test_sources.py) needs of each kind.

A kind of source is tested by a module `tests/kit/cases_<kind>.py` with `CASES = (SourceCase(...), ...)`, one for each
way in which it listens. A case's `start` sets up a scripted network on this machine that holds some posts, and gives
a `Rig` to play with.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from domain.dead_letter import DeadLetter
from domain.post import Post
from ingest.http import HttpTransport, PoliteClient
from ingest.registry import SOURCES
from ingest.source import Page, Source

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

HOSTILE_TEXT = "Aurora Air \u202e gnp.exe \u2066\u200f \U0001f600 " + "A\u0301\u0489" * 500
"""Bidi overrides and letters buried under marks: a post with it must come through, as text."""
HTML_BOMB = "<div><b><i><p>" * 6_000 + "Aurora Air" + "<script>steal()</script>"
"""Nested deeply enough to break a recursive or quadratic reader."""
SECRET = "s3cr3t-0f-the-test"
"""Goes into every secret setting of a case; must never be seen in a repr, an error or a dead letter's sentence."""

Failure = Literal["busy", "down", "garbage", "flaky", "revoked", "huge"]


class Clock:
    """A clock that a test advances."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)


@dataclass
class Rig:
    """One running scripted network.

    `make` gives a fresh Source each time, all on the same network. `expected` are the native ids of the readable
    posts there; `unreadable` is how many records there cannot be read. `publish` adds that many new posts and returns
    their native ids (None: a finite source). `fail` makes an HTTP network misbehave until it is called with None:
    "busy" is "come back in 7 seconds" in the network's own words (429 with `Retry-After: 7` where it has none),
    "down" is 500, "garbage" is 200 with bytes that mean nothing. Of a case with `key` also: "flaky" fails every third
    request or so, "revoked" refuses the credential for good, "huge" answers with 11 MB. `edit` changes the text of a
    post that was shown, `delete` takes it away, both by native id (None: the network does not tell). `hold` says how
    many seconds a long poll stays open, which tests have no time for (None: there is none).
    """

    make: Callable[[], Source]
    clock: Clock
    expected: set[str]
    unreadable: int = 0
    publish: Callable[[int], list[str]] | None = None
    fail: Callable[[Failure | None], None] | None = None
    edit: Callable[[str], None] | None = None
    delete: Callable[[str], None] | None = None
    hold: Callable[[float], None] | None = None


@dataclass(frozen=True)
class SourceCase:
    """How one kind of source is put to the test.

    `config` is a minimal valid table. `replays` is whether the network gives again what was not committed (False for
    a webhook, whose callers send again instead). `endless` is whether something can be published later, `http`
    whether the network is asked and may fail. `quiet` is how many pages in a row without a post mean that nothing is
    left (a stream may need more than one). `way` tells the cases of a kind apart. `key` is whether a credential is
    needed; `edits` and `deletions` are whether the source tells of them within the hour. `history`
    is whether it tells, asked for its past, all that is on the network (as `ingest.source.Historic`).
    """

    kind: str
    start: Callable[[Path], AbstractAsyncContextManager[Rig]]
    config: dict[str, Any]
    replays: bool = True
    endless: bool = True
    http: bool = True
    quiet: int = 1
    way: str = ""
    key: bool = False
    edits: bool = False
    deletions: bool = False
    history: bool = False

    @property
    def id(self) -> str:
        """The kind and the way."""
        return f"{self.kind}:{self.way}" if self.way else self.kind


@dataclass
class Harvest:
    """What came of a number of fetches."""

    posts: list[Post] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    cursors: list[bytes | None] = field(default_factory=list)
    new_by_page: list[set[str]] = field(default_factory=list)
    exhausted: bool = False

    def take(self, page: Page) -> None:
        """Add a page."""
        self.posts += [record.post for record in page.records]
        self.dead_letters += page.dead_letters
        self.cursors.append(page.cursor)
        self.new_by_page.append({record.post.native_id for record in page.records})
        self.exhausted = page.exhausted

    @property
    def ids(self) -> set[str]:
        """Native ids."""
        return {post.native_id for post in self.posts}

    @property
    def versions(self) -> set[tuple[str, str]]:
        """Native ids and versions."""
        return {(post.native_id, post.version) for post in self.posts}


async def harvest(
    rig: Rig, source: Source, cursor: bytes | None = None, *, quiet: int = 1, pages: int = 200
) -> Harvest:
    """Fetch and commit, as the runtime does, until nothing new comes; the clock skips the waits."""
    found, silent = Harvest(cursors=[cursor]), 0
    for _ in range(pages):
        page = await source.fetch(found.cursors[-1])
        found.take(page)
        await source.committed(page.cursor)
        rig.clock.advance(page.wait)
        silent = 0 if page.records or page.dead_letters else silent + 1
        if page.exhausted or silent >= quiet:
            break
    return found


def cases_of(kind: str) -> tuple[SourceCase, ...]:
    """The cases of a kind in the registry; a kind without one fails here."""
    cases = import_module(f"tests.kit.cases_{kind}").CASES
    assert cases
    assert all(isinstance(case, SourceCase) and case.kind == kind for case in cases)
    return tuple(cases)


def all_cases() -> list[SourceCase]:
    """Those of every kind in the registry."""
    return [case for kind in sorted(SOURCES) for case in cases_of(kind)]


@asynccontextmanager
async def polite_client(clock: Callable[[], datetime]) -> AsyncIterator[PoliteClient]:
    """A client for one test."""
    client = PoliteClient(HttpTransport(), clock=clock)
    try:
        yield client
    finally:
        await client.aclose()
