"""JSON lines from stdin as they come: whole lines in small batches, no wait for lines that were not yet written."""

import sys
from collections.abc import Iterator
from typing import NamedTuple, Protocol

import msgspec

LONGEST_LINE = 8 * 1024 * 1024
BATCH = 1024
_CHUNK = 1 << 18
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Readable(Protocol):
    """Bytes to be read on: stdin, a file, a packed file."""

    def read(self, size: int, /) -> bytes:
        """Up to so many bytes; none at the end."""
        ...


class Line(NamedTuple):
    """A line and its number, counted from 1. `text` is None when it was longer than LONGEST_LINE."""

    number: int
    text: bytes | None


class BadLine(ValueError):
    """A line that cannot be used; its text is a sentence."""


def batches(stream: Readable, size: int = BATCH) -> Iterator[list[Line]]:
    """Yield up to `size` lines at a time; whatever has arrived is yielded before more is waited for.

    Empty lines are left out. A caller that writes one line and waits for its answer gets it.
    """
    number, rest, skipping = 0, b"", False
    # read1 returns what is there; read would wait for a full chunk.
    read = getattr(stream, "read1", stream.read)
    while True:
        chunk = read(_CHUNK)
        *whole, rest = (rest + chunk).split(b"\n")
        if not chunk:
            whole, rest = ([rest] if rest or skipping else []), b""
        ready: list[Line] = []
        for text in whole:
            number += 1
            clean = text.removeprefix(_BYTE_ORDER_MARK) if number == 1 else text
            if skipping or len(clean) > LONGEST_LINE:
                ready.append(Line(number, None))
            elif clean.strip():
                ready.append(Line(number, clean))
            skipping = False
        if len(rest) > LONGEST_LINE:
            rest, skipping = b"", True
        for start in range(0, len(ready), size):
            yield ready[start : start + size]
        if not chunk:
            return


def fields(line: Line) -> dict[str, msgspec.Raw]:
    """The line's fields, each left exactly as it was written. Raises BadLine."""
    if line.text is None:
        raise BadLine(f"the line is longer than {LONGEST_LINE} bytes")
    try:
        line.text.decode()
        return msgspec.json.decode(line.text, type=dict[str, msgspec.Raw])
    except UnicodeDecodeError as wrong:
        raise BadLine(f"the line is not UTF-8 (byte {wrong.start + 1})") from None
    except msgspec.ValidationError:
        raise BadLine("the line must be a JSON object") from None
    except msgspec.DecodeError as wrong:
        raise BadLine(f"the line is not JSON: {wrong}") from None


def text_field(found: dict[str, msgspec.Raw], name: str, default: str | None = None) -> str:
    """A field that must be text; null counts as absent. Raises BadLine."""
    written = found.get(name)
    if written is None or bytes(written) == b"null":
        if default is None:
            raise BadLine(f'the field "{name}" is missing')
        return default
    try:
        return msgspec.json.decode(written, type=str)
    except msgspec.DecodeError:
        raise BadLine(f'the field "{name}" must be text') from None


def complain(line: Line, error: Exception, *, file: str = "") -> None:
    """Say on stderr, as JSON, which line (of which file) was left out and why."""
    where = {"file": file, "line": line.number} if file else {"line": line.number}
    sys.stderr.write(msgspec.json.encode({"error": str(error), **where}).decode() + "\n")
    sys.stderr.flush()
