"""Cursors: a source's own struct as JSON bytes."""

from typing import TypeVar

import msgspec

from domain.errors import SourceMisconfigured

C = TypeVar("C", bound=msgspec.Struct)


def read_cursor(cursor: bytes | None, kind: type[C], *, source: str) -> C:
    """Decode a stored cursor, None being the beginning; raises SourceMisconfigured for one of another kind."""
    if cursor is None:
        return kind()
    try:
        return msgspec.json.decode(cursor, type=kind)
    except msgspec.DecodeError:
        raise SourceMisconfigured(
            f"the stored place of source {source} was not written by this kind of source: give it another name"
        ) from None


def write_cursor(progress: msgspec.Struct) -> bytes:
    """Encode a place for the store."""
    return msgspec.json.encode(progress)
