"""Words from outside made safe to show: no control characters, no bidi tricks, nobody called, cut to length."""

import re
import unicodedata
from urllib.parse import urlsplit

ISOLATE, POP = "\u2068", "\u2069"
_JOINER = "\u2060"
_KEPT = {"\u200c", "\u200d"}
"""Letters of Persian and emoji families are put together with these two."""
_LONGEST_URL = 2000


def shown(text: str, limit: int) -> str:
    """One line of at most `limit` characters, isolated so that its direction does not touch what stands around it."""
    return f"{ISOLATE}{cut(clean(text), limit)}{POP}" if text else ""


def clean(text: str) -> str:
    """Without line breaks, control and formatting characters; an `@` no longer calls anybody."""
    flat = " ".join(text.split())
    kept = "".join(letter for letter in flat if letter in _KEPT or unicodedata.category(letter)[0] != "C")
    return kept.replace("@", f"@{_JOINER}")


def cut(text: str, limit: int) -> str:
    """At most `limit` characters, at the end of a word if one is near, never between a letter and its accent."""
    if len(text) <= limit:
        return text
    end = limit - 1
    while end > 0 and (unicodedata.combining(text[end]) or text[end] in _KEPT or text[end - 1] in _KEPT):
        end -= 1
    space = text.rfind(" ", max(end - 20, 1), end)
    return text[: space if space > 0 else end].rstrip() + "…"


def link(url: str) -> str:
    """The address if it is one of the web, else empty: nothing else is made clickable."""
    if len(url) > _LONGEST_URL or re.search(r"[\s<>\"\x00-\x1f\x7f]", url):
        return ""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in {"http", "https"} and parts.hostname else ""


def header(text: str, limit: int = 200) -> str:
    """One line for a header of a mail: nothing in it can start another header."""
    return cut(clean(text).replace(_JOINER, ""), limit)
