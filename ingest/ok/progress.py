"""How far the groups were read: the cursor of `via = "groups"`."""

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from domain.dead_letter import DeadLetter
from domain.post import Record
from ingest.ok.parse import Group, Talk
from ingest.recent import Recent, horizon, remembered

MOST_REMEMBERED = 2_000
MOST_TALKS = 1_000
_MOST_REFUSED = 500


class Heard(Struct, frozen=True, array_like=True):
    """How far a discussion was read: the number of comments then, the newest of them, its last change."""

    comments: int = 0
    newest: int = 0
    active: str = ""


class Reading(Struct, frozen=True, array_like=True):
    """Comments that are to be read, newest first, from `anchor` down to `until` (unix seconds).

    `deep`: also below what is known. `low` is how far it was, `top` the newest seen, `comments` and `active` what was
    said of it when it was found to have changed.
    """

    talk: Talk
    until: int
    deep: bool = False
    comments: int = 0
    active: str = ""
    anchor: str = ""
    low: int = 0
    top: int = 0
    restarted: bool = False


class Walk(Struct, frozen=True):
    """A look under way: groups whose topics are left to be read, the first of them from `anchor` down to `until`.

    `hours` is how far back it looks again at what is known. `listed`: the changed discussions were asked for.
    """

    left: tuple[str, ...]
    hours: float = 0.0
    anchor: str = ""
    until: int = 0
    low: int = 0
    top: int = 0
    restarted: bool = False
    listed: bool = False
    bad: int = 0


class Progress(Struct):
    """`upto` is the newest topic read by group, `heard` what is discussed, by native id, oldest touched first.

    `missing` are posts that were not where they should be, since when (unix seconds); `doubt` is how many hours back
    the next look goes to make sure that topics are gone.
    """

    upto: dict[str, int] = {}
    heard: dict[str, Heard] = {}
    recent: Recent = {}
    refused: dict[str, int] = {}
    looked: list[int] = []
    groups: dict[str, Group] = {}
    missing: dict[str, int] = {}
    doubt: float = 0.0
    reading: dict[str, Reading] = {}
    walk: Walk | None = None

    def remember(
        self, records: list[Record], letters: Iterable[DeadLetter], now: datetime, *, hours: float
    ) -> "Progress":
        """What is known after these were given."""
        refused = {**self.refused, **{letter.id[:12]: int(now.timestamp()) for letter in letters}}
        return replace(
            self,
            recent=remembered(self.recent, records, since=horizon(now, hours), most=MOST_REMEMBERED),
            refused=dict(list(refused.items())[-_MOST_REFUSED:]),
        )

    def hear(self, name: str, heard: Heard) -> "Progress":
        """What is known after something that is discussed was read so far."""
        rest = {one: how for one, how in self.heard.items() if one != name}
        return replace(self, heard={**dict(list(rest.items())[1 - MOST_TALKS :]), name: heard})


def topic_of(native_id: str) -> str:
    """The native id of what a comment is about; a topic's is its own."""
    return "/".join(native_id.split("/", 3)[:3])


def talk_of(native_id: str) -> Talk:
    """What a native id of a topic, a photo, ... or of a comment on it is about."""
    group, kind, number = native_id.split("/", 3)[:3]
    return Talk(group, f"GROUP_{kind.upper()}", number)
