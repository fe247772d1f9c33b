"""Bytes of a file, unpacked on the way, in bounded memory."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ingest.records.row import Unreadable

if TYPE_CHECKING:
    from ingest.records.zstd import ZstdReader

BLOCK = 262_144


class ByteStream:
    """A plain, .gz or .zst file, read forward."""

    def __init__(self, path: Path) -> None:
        self._raw: BinaryIO = path.open("rb")
        self._unpacked = _unpacked(self._raw, path.suffix.lower())
        self._packed = self._unpacked is not self._raw
        # Of a .gz that breaks off, read1 still gives what came before the break.
        self._read = self._unpacked.read1 if isinstance(self._unpacked, gzip.GzipFile) else self._unpacked.read

    def skip(self, count: int) -> None:
        """Go `count` bytes on: a seek in a plain file, unpacking and forgetting in a packed one."""
        if not self._packed:
            self._raw.seek(count, 1)
            return
        while count > 0 and (block := self.read(min(BLOCK, count))):
            count -= len(block)

    def read(self, size: int = BLOCK) -> bytes:
        """Return up to `size` bytes, b"" at the end. Raises Unreadable where a packed file is broken."""
        with _explained():
            return self._read(size)

    def tell(self) -> int:
        """Return how far the file on the disk has been read."""
        return self._raw.tell()

    def close(self) -> None:
        """Close the file."""
        self._unpacked.close()
        self._raw.close()


def _unpacked(raw: BinaryIO, suffix: str) -> "BinaryIO | gzip.GzipFile | ZstdReader":
    if suffix == ".gz":
        return gzip.GzipFile(fileobj=raw)
    if suffix == ".zst":
        from ingest.records.zstd import ZstdReader

        return ZstdReader(raw)
    return raw


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except EOFError as error:
        raise Unreadable("truncated", "the packed file ends in the middle; what came before was read") from error
    except (zlib.error, gzip.BadGzipFile) as error:
        raise Unreadable("bad_compression", f"the packed file is broken: {error}") from error
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "zstandard":
            raise
        raise Unreadable("bad_compression", f"the packed file is broken: {error}") from error
