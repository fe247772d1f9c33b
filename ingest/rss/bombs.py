"""Feeds made to hurt: reading time grows with the square of depth and of attributes, so both are counted first.

The reader of broken XML is slow and has quadratic corners of its own, so what it gets must be small.
"""

import re
from collections.abc import Iterator
from xml.parsers import expat

from domain.errors import Refused

MOST_TAGS = 50_000
"""Reading that many takes two seconds, in a thread; a feed of fifty entries has about two thousand."""
DEEPEST = 500
MOST_ATTRIBUTES = 50
LARGEST_BROKEN = 1_000_000
"""Bytes of XML that is not well-formed."""

_ENDS = {b"<![CDATA[": b"]]>", b"<!--": b"-->", b"<?": b"?>"}
_START = re.compile(rb"<!\[CDATA\[|<!--|<\?")
_TAG = re.compile(rb"<(/?)[^<>]*")


def refuse_bomb(xml: bytes) -> None:
    """Raise Refused `too_complex` for UTF-8 XML that would take unreasonably long to read."""
    if len(xml) > LARGEST_BROKEN and not _well_formed(xml):
        raise Refused("too_complex", f"the feed is broken XML of more than {LARGEST_BROKEN} bytes")
    tags = depth = 0
    for stretch in _markup(xml):
        for tag in _TAG.finditer(stretch):
            tags += 1
            depth += 0 if tag[0].endswith(b"/") else -1 if tag[1] else 1
            if tags > MOST_TAGS:
                raise Refused("too_complex", f"the feed has more than {MOST_TAGS} tags")
            if depth > DEEPEST:
                raise Refused("too_complex", f"the feed is nested deeper than {DEEPEST} tags")
            if tag[0].count(b"=") > MOST_ATTRIBUTES:
                raise Refused("too_complex", f"the feed has a tag of more than {MOST_ATTRIBUTES} attributes")


def _markup(xml: bytes) -> Iterator[bytes]:
    """Yield what lies outside CDATA, comments and instructions, in one pass whatever is left open."""
    at = 0
    while found := _START.search(xml, at):
        yield xml[at : found.start()]
        end = _ENDS[found[0]]
        closed = xml.find(end, found.end())
        if closed < 0:
            return
        at = closed + len(end)
    yield xml[at:]


def _well_formed(xml: bytes) -> bool:
    parser = expat.ParserCreate()
    try:
        parser.Parse(xml, True)  # noqa: FBT003  # the library takes "this is the end" by position only
    except expat.ExpatError:
        return False
    return True
