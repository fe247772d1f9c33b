"""JSON with what people really write: half characters too, which a strict reader refuses with all around them."""

import json
from typing import Any

import msgspec


def read_json(body: bytes) -> Any:
    """Decode JSON; raises ValueError for what is none, or is nested beyond reason."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    except RecursionError:
        raise ValueError("nested too deeply") from None
    try:
        return json.loads(body)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def write_json(found: Any) -> bytes:
    """Encode as evidence."""
    try:
        return msgspec.json.encode(found)
    except UnicodeEncodeError:
        return json.dumps(found).encode()
