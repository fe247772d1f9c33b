"""JSON Lines: one object a line."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from ingest.records.lines import Line, lines
from ingest.records.row import Place, Row, Unreadable
from ingest.records.streams import ByteStream

_BOM = b"\xef\xbb\xbf"


class JsonLines:
    """An open JSONL file, perhaps packed."""

    def __init__(self, path: Path, *, limit: int, encoding: str = "utf-8") -> None:
        self._limit, self._encoding = limit, encoding
        self._stream = ByteStream(path)

    def columns(self) -> tuple[str, ...] | None:
        """Objects name their own columns."""
        return None

    def progress(self) -> int:
        """Bytes read on the disk."""
        return self._stream.tell()

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def rows(self, start: Place) -> Iterator[Row]:
        """Yield objects; blank lines are passed over. Raises Unreadable for what is no JSONL file at all."""
        self._stream.skip(start.offset)
        for line in lines(self._stream, start, self._limit):
            if line.number == 1:
                line = _first(line)  # noqa: PLW2901  # the same line without its byte order mark
            if line.size > self._limit:
                yield too_large(line, self._limit)
            elif line.raw and not line.raw.isspace():
                yield self._row(line, start)
            start = line.after

    def _row(self, line: Line, start: Place) -> Row:
        # A broken last line without its end may still be in the middle of being written: read it again next time.
        after = line.after if line.ended else start
        try:
            values = decode(line.raw if self._encoding == "utf-8" else line.raw.decode(self._encoding).encode())
        except UnicodeDecodeError as error:
            return Row(
                None, line.raw, line.number, line.after, "bad_encoding", f"not {self._encoding}: {error.reason}"
            )
        except (ValueError, RecursionError) as error:
            return Row(None, line.raw, line.number, after, "bad_json", f"broken JSON: {error}")
        if not isinstance(values, dict):
            return Row(None, line.raw, line.number, after, "bad_json", "the line is JSON but no object { }")
        return Row(values, line.raw, line.number, line.after)


def decode(raw: bytes) -> Any:
    """Decode JSON. Half an emoji (a lone surrogate, left by programs that cut texts) becomes the replacement sign.

    Raises ValueError, UnicodeDecodeError or RecursionError.
    """
    try:
        return msgspec.json.decode(raw)
    except UnicodeDecodeError:
        raise
    except msgspec.MsgspecError as error:
        if b"\\ud" not in raw.lower():
            raise ValueError(str(error)) from error
        whole = json.loads(raw)
    return json.loads(
        json.dumps(whole, ensure_ascii=False).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    )


def too_large(line: Line, limit: int) -> Row:
    """Return the row that says that a line is over the limit."""
    detail = f"the line has {line.size:,} bytes, the limit (max_record_bytes) is {limit:,}"
    return Row(None, line.raw, line.number, line.after, "too_large", detail)


def _first(line: Line) -> Line:
    if line.raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable("bad_encoding", "the file is UTF-16; save it as UTF-8")
    raw = line.raw.removeprefix(_BOM)
    if raw.lstrip().startswith(b"["):
        raise Unreadable("bad_json", "the file is one JSON array; write one object a line: jq -c '.[]' FILE")
    return line._replace(raw=raw)
