"""What of a text reaches the encoder: links and handles are masked, noise goes, length is bounded."""

import re
from bisect import bisect_left
from collections.abc import Sequence

MAX_CHARACTERS = 2_000
"""More than the encoder's windows hold; the rest of a longer text is not read."""
_LOOKED_AT = 4 * MAX_CHARACTERS
"""So much of a text as it came is looked at: links and invisible characters leave room."""

_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_HANDLE = re.compile(r"(?<![\w@.])@\w{2,}")
_INVISIBLE = re.compile(
    "[\u00ad\u061c\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff\x00-\x08\x0e-\x1f\x7f]"
)
_SPACE = re.compile(r"\s+")
_MASK = re.compile(r"(?<!\w)(?:http|@user)(?!\w)")


def prepare(text: str) -> str:
    """`text` as the encoder was taught to see it: links `http`, handles `@user`, one space between words.

    Invisible and control characters and lone surrogates are dropped; at most `MAX_CHARACTERS` are kept. The
    result is empty when nothing can be read.
    """
    cut = _INVISIBLE.sub("", text[:_LOOKED_AT])
    cut = _HANDLE.sub("@user", _LINK.sub("http", cut))
    return _SPACE.sub(" ", cut).strip()[:MAX_CHARACTERS]


def beginning(text: str) -> str:
    """The part of `text`, from its start, that `prepare` reads."""
    whole, looked_at = prepare(text), text[:_LOOKED_AT]
    if len(whole) < MAX_CHARACTERS:
        return looked_at
    return text[: bisect_left(range(len(looked_at)), x=1, key=lambda end: int(prepare(text[:end]) == whole))]


def named(brand: str) -> str:
    """`brand` as the encoder was taught to see it: a handle or an address keeps its name."""
    return _SPACE.sub(" ", _INVISIBLE.sub("", brand[:MAX_CHARACTERS])).strip().lstrip("@")


def unjudgeable(words: str, lang: str, languages: Sequence[str]) -> str:
    """Why the prepared `words` cannot be judged by a model that reads `languages`; empty when they can."""
    if not words:
        return "there is no text to judge"
    if not any(map(str.isalpha, _MASK.sub("", words))):
        return "there are no words to judge"
    if lang not in {*languages, "und"}:
        return f"the language {lang!r} is not one of {', '.join(languages)}"
    return ""
