"""What people see: tables for them, JSON lines for programs, and no trick of a stranger's text on the terminal."""

import re
import sys
import unicodedata
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    from domain.mention import Mention
    from domain.post import Post

SENTIMENT_STYLES = {"negative": "red", "neutral": "default", "positive": "green", "unscored": "dim"}
URGENCY_STYLES = {
    "critical": "bold white on red",
    "high": "bold red",
    "normal": "yellow",
    "low": "dim",
    "unscored": "dim",
}
SEVERITY_STYLES = {"critical": "bold white on red", "major": "bold red", "minor": "yellow"}
STATUS_STYLES = {"open": "bold red", "acknowledged": "yellow", "resolved": "green"}

_ISOLATE, _END_ISOLATE = "\u2068", "\u2069"
_RIGHT_TO_LEFT = {"R", "AL"}
_BREAKS = {"Cc", "Cs", "Zl", "Zp"}


def out() -> "Console":
    """The console for people, on stdout."""
    from rich.console import Console

    class Screen(Console):
        """Leaves a closed pipe to `main`; rich would end the process with 1."""

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return Screen(highlight=False, emoji=False, markup=False)


def messages() -> "Console":
    """The console for messages, on stderr."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, emoji=False, markup=False)


def table(*, header: bool = True) -> "Table":
    """A table that spends the width on words instead of lines."""
    from rich.table import Table

    return Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=header, header_style="dim")


def indented(text: "Text") -> "Padding":
    """A paragraph that stays two cells in when it wraps."""
    from rich.padding import Padding

    return Padding(text, (0, 0, 0, 2), expand=False)


def print_json(values: Iterable[Any]) -> None:
    """One JSON object a line on stdout."""
    encoder = msgspec.json.Encoder()
    for value in values:
        sys.stdout.buffer.write(encoder.encode(value) + b"\n")
    sys.stdout.buffer.flush()


def harmless(text: str) -> str:
    """One line without control characters or direction overrides, which could rewrite the reader's screen.

    Right-to-left text is put into an isolate, so that it cannot reorder what stands beside it.
    """
    return _isolated(_flat(text))


def cut(text: str, cells: int) -> str:
    """At most so many terminal cells of the harmless text, with an ellipsis where it was cut."""
    from rich.cells import cell_len, set_cell_size

    flat = _flat(text)
    if cell_len(flat) > cells:
        flat = set_cell_size(flat, max(cells - 1, 0)).rstrip() + "…"
    return _isolated(flat)


def fragment(text: str) -> str:
    """As `harmless`, for a part of a line: spaces at its ends stay, and it is not isolated; see `isolates`."""
    shown = "".join(" " if unicodedata.category(c) in _BREAKS else c for c in text if not _hides(c))
    return re.sub(r"\s+", " ", shown)


def isolates(text: str) -> tuple[str, str]:
    """What to put before and after right-to-left text that is printed in fragments; empty for other text."""
    if any(unicodedata.bidirectional(letter) in _RIGHT_TO_LEFT for letter in text):
        return _ISOLATE, _END_ISOLATE
    return "", ""


def _flat(text: str) -> str:
    return fragment(text).strip()


def _isolated(text: str) -> str:
    before, after = isolates(text)
    return f"{before}{text}{after}"


def _hides(character: str) -> bool:
    return "\u202a" <= character <= "\u202e" or "\u2066" <= character <= "\u2069" or character in "\u200e\u200f\ufeff"


def counted(number: int, thing: str) -> str:
    """`1 mention`, `1,204 mentions`."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def short(whole_id: str) -> str:
    """As much of an id as a person copies; verbs take any unambiguous beginning."""
    return whole_id[:10]


def when(moment: datetime) -> str:
    """A time in the reader's own zone, short."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")


_SPANS = (("d", 86_400), ("h", 3_600), ("min", 60))


def lasting(seconds: float) -> str:
    """`40 s`, `12 min`, `5 h`, `3 d`: a span to one unit, the largest that there are two of, for hours and days."""
    for unit, size in _SPANS:
        if seconds >= size * (1 if unit == "min" else 2):
            return f"{round(seconds / size)} {unit}"
    return f"{round(seconds)} s"


def judged(mention: "Mention") -> "tuple[Text, Text]":
    """Sentiment and urgency of a mention, coloured."""
    from rich.text import Text

    sentiment = mention.judgement.sentiment if mention.judgement else "unscored"
    urgency = mention.judgement.urgency if mention.judgement else "unscored"
    return Text(sentiment, SENTIMENT_STYLES[sentiment]), Text(urgency, URGENCY_STYLES[urgency])


def author(post: "Post") -> str:
    """Who wrote it, and to how many, in a few words; empty when the network does not say."""
    name = f"@{post.author.handle}" if post.author.handle else post.author.name
    if not name:
        return ""
    followers = post.author.followers
    return cut(name, 40) + (f" ({followers:,} followers)" if followers is not None else "")
