"""How far YouTube is read: what a cursor of the source holds. Times are unix seconds."""

from msgspec import Struct

from ingest.budget import Spent
from ingest.passes import Reading
from ingest.recent import Recent

THREADS, UPLOADS, VIDEOS = "threads/", "uploads/", "video/"
"""What a target's name begins with: all comments of a channel, its videos, the comments of one video."""


class Channel(Struct, frozen=True):
    """A configured channel as YouTube knows it (no `id`: it does not), and when that was asked."""

    at: int
    id: str = ""
    account: str = ""
    uploads: str = ""


class Target(Struct, omit_defaults=True):
    """A listing of comments or of videos.

    Read from `start` on; all before `done` was read; looked at last at `looked`; not asked for before `barred`.
    Of a video also: how many comments it had (`count`), whether they are to be read (`stale`), whether it was
    given as a post (`given`), and when the search found it (`found`; 0: it is configured).
    """

    start: int = 0
    done: int = 0
    looked: int = 0
    barred: int = 0
    etag: str = ""
    reading: Reading | None = None
    count: int = -1
    stale: bool = False
    given: bool = False
    found: int = 0


class Open(Struct, frozen=True):
    """A thread whose replies are to be read, from `token` on."""

    thread: str
    token: str = ""


class Hunt(Struct, frozen=True, omit_defaults=True):
    """How far one phrase was searched for: all before `done`; on the way since `began`, from `token` on."""

    start: int
    done: int = 0
    looked: int = 0
    began: int = 0
    token: str = ""


class Again(Struct, omit_defaults=True):
    """Looking again at what was given: when each age was looked at, and where the present look is."""

    looked: list[int] = []
    age: int = -1
    began: int = 0
    after: str = ""


class Progress(Struct, omit_defaults=True):
    """All of it. `homes` says under which video a remembered thread stands, `owners` whose that video is."""

    channels: dict[str, Channel] = {}
    targets: dict[str, Target] = {}
    open: list[Open] = []
    hunts: dict[str, Hunt] = {}
    hunted: int = 0
    followed: int = 0
    follow_after: str = ""
    again: Again | None = None
    recent: Recent = {}
    homes: dict[str, str] = {}
    owners: dict[str, str] = {}
    units: Spent = Spent()
    searches: Spent = Spent()
