"""How far a place on the Graph API was read: the cursor of the sources that look again and again."""

from msgspec import Struct

from ingest.recent import Recent

MOST_POSTS = 300
"""Posts of one place whose comments are watched."""


class Followed(Struct, omit_defaults=True):
    """A post whose comments are watched. Times are unix seconds.

    `told` is how many comments the list said it has, `read` how many it said when they were read last (-1: never),
    `newest` when the latest of those was written, `sweep` the last round in which the post was seen. The rest is the
    reading under way: its number, where it goes on, whether it is a `full` one, what `aim` it began with, how many
    new ones are `left` to be found, and the latest seen in it.
    """

    at: int = 0
    told: int = 0
    read: int = -1
    looked: int = 0
    newest: int = 0
    sweep: int = 0
    number: int = 0
    after: str = ""
    full: bool = False
    aim: int = 0
    left: int = 0
    top: int = 0


class Thread(Struct, array_like=True):
    """Answers to a comment that are still to be read: the comment, the post it stands under, where they go on."""

    comment: str
    post: str
    after: str = ""


class Stand(Struct, omit_defaults=True):
    """How one place stands. A round (`sweep`) reads its lists one after the other.

    `edge` and `after` are where the round under way is, `full` whether it goes back to the end of the window, `floor`
    the time down to which all its lists were read. `swept` is when the last full one ended, `pruned` is a time:
    posts up to it are no longer watched. `doubts` are posts and comments that were not seen where they should be.
    """

    next_at: int = 0
    full_at: int = 0
    sweep: int = 0
    sweeping: bool = False
    full: bool = False
    edge: int = 0
    after: str = ""
    floor: int = 0
    swept: int = 0
    pruned: int = 0
    posts: dict[str, Followed] = {}
    doubts: list[str] = []
    threads: list[Thread] = []


class Memory(Struct, omit_defaults=True):
    """What was given lately, and what could not be read (as hashes, with the time).

    Nothing written before `since` is given. `day` is when the end of the token was asked for last.
    """

    since: int = 0
    day: str = ""
    recent: Recent = {}
    refused: dict[str, int] = {}


class Progress(Memory, omit_defaults=True):
    """The whole cursor. `turn` is whose turn it is.

    `under` says of each remembered comment under which post it stands and in which reading it was seen.
    """

    turn: int = 0
    stands: dict[str, Stand] = {}
    under: dict[str, tuple[str, int]] = {}
