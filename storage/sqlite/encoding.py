"""Structs as bytes: JSON, which any other program can read too, and compressed evidence."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import msgspec
import zstandard

T = TypeVar("T")

_ENCODER = msgspec.json.Encoder()


def encode(value: msgspec.Struct) -> bytes:
    """Return a struct as JSON. Lone surrogates, which no UTF-8 can hold, become U+FFFD."""
    try:
        return _ENCODER.encode(value)
    except UnicodeEncodeError:
        return _ENCODER.encode(_without_surrogates(msgspec.to_builtins(value)))


def clean(text: str) -> str:
    """Return a text that SQLite can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def decoder(kind: type[T]) -> Callable[[Iterable[tuple[bytes]]], Iterator[T]]:
    """Return what turns rows of one JSON column into values."""
    decode = msgspec.json.Decoder(kind).decode

    def decoded(rows: Iterable[tuple[bytes]]) -> Iterator[T]:
        for (body,) in rows:
            yield decode(body)

    return decoded


def pack(raw: bytes) -> bytes:
    """Compress evidence; nothing stays nothing."""
    return zstandard.ZstdCompressor(level=3).compress(raw) if raw else b""


def unpack(packed: bytes) -> bytes:
    """Return what was packed."""
    return zstandard.ZstdDecompressor().decompress(packed) if packed else b""


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_surrogates(inner) for inner in value]
    return value
