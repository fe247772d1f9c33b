"""JSON whose strings hold half characters (lone surrogates), which the fast decoder refuses as a whole."""

import json
from typing import TypeVar

import msgspec

S = TypeVar("S", bound=msgspec.Struct)

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding raises."""


def decode(raw: bytes, kind: type[S]) -> S:
    """Decode a struct; half characters become question marks. Raises one of UNREADABLE."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError:
        raise
    except UNREADABLE:
        if b"\\ud" not in raw.lower():
            raise
    try:
        whole = json.dumps(json.loads(raw), ensure_ascii=False)
    except ValueError as error:
        raise msgspec.DecodeError(str(error)) from None
    return msgspec.json.decode(whole.encode("utf-8", "replace"), type=kind)
