"""How far each file has been read, and how to know it again."""

from hashlib import sha256
from os import stat_result
from pathlib import Path

from msgspec import Struct

HEAD = 65_536
"""Bytes at the start of a file by which it is known again."""


class FileMark(Struct, frozen=True, omit_defaults=True):
    """Progress in one file.

    `size` and `changed` (ns) are those of the file when it was opened, `head` the number of bytes at its start whose
    sha256 is `print`. `offset` counts unpacked bytes (Parquet: rows), `line` the lines before it, `read` the bytes
    on the disk. `done`: there was no more at that size.
    """

    size: int
    changed: int
    head: int
    print: str
    offset: int = 0
    line: int = 0
    read: int = 0
    done: bool = False


class FileCursor(Struct, frozen=True):
    """Marks by path."""

    files: dict[str, FileMark] = {}


def first_mark(path: Path) -> FileMark:
    """Return the mark of a file of which nothing has been read."""
    found = path.stat()
    head, digest = _print(path, HEAD)
    return FileMark(size=found.st_size, changed=found.st_mtime_ns, head=head, print=digest)


def unchanged(found: stat_result, mark: FileMark) -> bool:
    """Whether a file looks exactly as when it was opened."""
    return (found.st_size, found.st_mtime_ns) == (mark.size, mark.changed)


def same_start(path: Path, mark: FileMark) -> bool:
    """Whether a file begins as it did: then it is the same, perhaps longer now."""
    return _print(path, mark.head) == (mark.head, mark.print)


def _print(path: Path, head: int) -> tuple[int, str]:
    with path.open("rb") as file:
        start = file.read(head)
    return len(start), sha256(start).hexdigest()
