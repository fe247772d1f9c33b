"""Feeds made to hurt: reading time grows with the square of depth and of attributes, so both are counted first."""

import re

from domain.errors import Refused

MOST_TAGS = 100_000
"""Reading that many takes seconds, in a thread; a feed of fifty entries has about two thousand."""
DEEPEST = 2_000
MOST_ATTRIBUTES = 200

_NOT_TAGS = re.compile(rb"<!\[CDATA\[.*?\]\]>|<!--.*?-->|<\?.*?\?>|<!", re.DOTALL)
_TAG = re.compile(rb"<(/?)[^<>]*?(/?)>")
_LONG_TAG = re.compile(rb"<[^<>]{2000,}")


def refuse_bomb(xml: bytes) -> None:
    """Raise Refused `too_complex` for UTF-8 XML that would take unreasonably long to read."""
    tags = _NOT_TAGS.sub(b"", xml)
    if tags.count(b"<") > MOST_TAGS:
        raise Refused("too_complex", f"the feed has more than {MOST_TAGS} tags")
    if any(long.group().count(b"=") > MOST_ATTRIBUTES for long in _LONG_TAG.finditer(tags)):
        raise Refused("too_complex", f"the feed has a tag of more than {MOST_ATTRIBUTES} attributes")
    depth = 0
    for tag in _TAG.finditer(tags):
        closing, empty = tag.groups()
        depth = max(0, depth + (0 if empty else -1 if closing else 1))
        if depth > DEEPEST:
            raise Refused("too_complex", f"the feed is nested deeper than {DEEPEST} tags")
