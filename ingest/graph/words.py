"""Texts and times of the Graph API as posts have them."""

import re
from datetime import UTC, datetime

from ingest.markup import clean, plain_text

_TAG = re.compile(r"</?[A-Za-z]")
_FIRST_MILLISECONDS = 100_000_000_000


def plain(text: str | None) -> str:
    """Return what was written. It is plain text; what looks like HTML in it is taken for HTML, line by line."""
    text = clean(text or "")
    if not _TAG.search(text):
        return text.strip()
    return "\n".join(plain_text(line) for line in text.split("\n")).strip()


def moment(told: str | float) -> datetime:
    """Read a time: ISO 8601 with its zone, or unix seconds, or milliseconds; raises ValueError."""
    if isinstance(told, str) and not told.isdecimal():
        at = datetime.fromisoformat(told)
        if at.tzinfo is None:
            raise ValueError("a time without its zone")
        return at.astimezone(UTC)
    number = float(told)
    try:
        return datetime.fromtimestamp(number / 1000 if number >= _FIRST_MILLISECONDS else number, UTC)
    except (OverflowError, OSError) as error:
        raise ValueError(f"no time: {error}") from None
