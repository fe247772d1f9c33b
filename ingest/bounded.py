"""Bodies read up to a limit that is counted after decompression, so that a small bomb stays small."""

import zlib
from collections.abc import AsyncIterable, AsyncIterator

from domain.dead_letter import RAW_LIMIT
from domain.errors import RetryLater

_ZLIB_OR_GZIP = zlib.MAX_WBITS | 32
_PLAIN = frozenset({"", "identity"})
_DEFLATED = frozenset({"gzip", "x-gzip", "deflate"})


class AnswerTooLarge(RetryLater):
    """An answer went beyond its limit, counted after decompression. `head` is the start of it, as evidence."""

    def __init__(self, message: str, *, head: bytes) -> None:
        super().__init__(message)
        self.head = head


async def read_bounded(chunks: AsyncIterable[bytes], *, encoding: str, limit: int, site: str) -> bytes:
    """Join and decompress a body.

    Raises AnswerTooLarge beyond `limit` bytes, RetryLater for broken compression or one that was not offered.
    """
    encoding = encoding.strip().lower()
    if encoding not in _PLAIN | _DEFLATED:
        raise RetryLater(f"{site} compressed its answer in a way that was not offered")
    inflater = zlib.decompressobj(_ZLIB_OR_GZIP) if encoding in _DEFLATED else None
    body = bytearray()
    try:
        async for chunk in chunks:
            body += inflater.decompress(chunk, limit + 1 - len(body)) if inflater else chunk
            if len(body) > limit:
                raise AnswerTooLarge(f"{site} answers with more than {limit} bytes", head=bytes(body[:RAW_LIMIT]))
    except zlib.error:
        raise RetryLater(f"{site} answers with broken compression") from None
    if inflater and body and not inflater.eof:
        raise RetryLater(f"{site} broke off its answer")
    return bytes(body)


async def end_of_event_within(chunks: AsyncIterable[bytes], *, limit: int, site: str) -> AsyncIterable[bytes]:
    """Pass an event stream on; raises AnswerTooLarge where `limit` bytes bring no end of an event."""
    waiting = 0
    async for chunk in chunks:
        ended = any(end in chunk for end in (b"\n\n", b"\r\n\r\n", b"\r\r"))
        waiting = 0 if ended else waiting + len(chunk)
        if waiting > limit:
            raise AnswerTooLarge(f"{site} sends an event of more than {limit} bytes", head=chunk[:RAW_LIMIT])
        yield chunk


async def lines_within(chunks: AsyncIterable[bytes], *, limit: int, site: str) -> AsyncIterator[bytes]:
    """Cut a stream into lines without their ends; empty ones, and what a broken stream leaves unended, are dropped.

    Raises AnswerTooLarge where `limit` bytes bring no end of a line.
    """
    rest = bytearray()
    async for chunk in chunks:
        rest += chunk
        *ended, tail = bytes(rest).split(b"\n") if b"\n" in chunk else [bytes(rest)]
        for line in ended:
            if line.strip():
                yield line.rstrip(b"\r")
        if ended:
            rest = bytearray(tail)
        if len(rest) > limit:
            raise AnswerTooLarge(f"{site} sends a line of more than {limit} bytes", head=bytes(rest[:RAW_LIMIT]))
