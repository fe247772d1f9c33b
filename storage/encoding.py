"""Structs as JSON, which any other program can read too, whatever a post says."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_ENCODER = msgspec.json.Encoder()


def encode(value: msgspec.Struct) -> bytes:
    """Return a struct as JSON. Lone surrogates, which no UTF-8 can hold, become U+FFFD."""
    try:
        return _ENCODER.encode(value)
    except UnicodeEncodeError:
        return _ENCODER.encode(without_surrogates(msgspec.to_builtins(value)))


def clean(text: str) -> str:
    """Return a text that UTF-8 can hold."""
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


def without_surrogates(value: Any) -> Any:
    """Return builtins whose texts are clean."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {without_surrogates(key): without_surrogates(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [without_surrogates(inner) for inner in value]
    return value
