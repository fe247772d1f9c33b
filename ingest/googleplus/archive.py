"""The files of an archive, in a folder or in .zip files, read one by one and never unpacked to the disk.

An archive may be hostile: paths that lead out of it, links, and files that unpack to more than anyone wrote.
"""

import os
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from domain.errors import SourceMisconfigured
from ingest.records.inspect import matching

MOST_FILES = 500_000
MOST_UNPACKED = 100
"""An archive that unpacks to more than so many times its size is a bomb: texts in JSON shrink to a tenth at best."""

_PACKED = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_SMALL = 50_000_000
_POSTS = "posts"
_DRIVE = re.compile(r"[A-Za-z]:")


class Unreadable(Exception):
    """One file cannot be read. `reason` is a short stable word, the text a sentence."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class File(NamedTuple):
    """A file: in which folder or .zip, and its path there."""

    container: str
    member: str

    @property
    def in_posts(self) -> bool:
        """Whether it lies in a folder of posts (`Google+ Stream/Posts`, as English archives call it)."""
        return PurePosixPath(self.member).parent.name.lower() == _POSTS


class Archive:
    """The folders and .zip files of one path, pattern or not. Holds the .zip open that was read last."""

    def __init__(self, path: str, *, largest: int) -> None:
        self._path, self._largest = path, largest
        self._open: tuple[str, zipfile.ZipFile] | None = None

    def files(self, ending: str) -> list[File]:
        """All files whose name ends so, in a fixed order. Raises SourceMisconfigured for what is no archive."""
        folder = Path(self._path).expanduser()
        found: list[File] = []
        for container in [str(folder)] if folder.is_dir() else map(str, matching(self._path)):
            names = _in_folder(container) if Path(container).is_dir() else self._in_zip(container)
            found += [File(container, name) for name in names if name.lower().endswith(ending)]
            if len(found) > MOST_FILES:
                raise SourceMisconfigured(f"path: more than {MOST_FILES:,} files: this is no archive of Takeout")
        return sorted(found)

    def read(self, file: File) -> bytes:
        """The bytes of one file; raises Unreadable."""
        if Path(file.container).is_dir():
            return self._bounded(_from_folder(file, self._largest + 1))
        opened = self._zip(file.container)
        try:
            info = opened.getinfo(file.member)
            fits = info.file_size <= self._largest and info.compress_type in _PACKED
            with opened.open(info) as packed:  # a size that is told may be a lie: never more than that is unpacked
                body = packed.read(self._largest + 1) if fits else b""
        except (OSError, EOFError, KeyError, ValueError, RuntimeError, zlib.error, zipfile.BadZipFile) as error:
            raise Unreadable("bad_file", f"the file cannot be unpacked ({type(error).__name__})") from None
        if not fits:
            raise Unreadable("too_large", f"{self._too_large()}, or is packed in a way that is not read")
        return self._bounded(body)

    def close(self) -> None:
        """Close what is open."""
        if self._open is not None:
            self._open[1].close()
            self._open = None

    def _in_zip(self, container: str) -> list[str]:
        listed = [info for info in self._zip(container).infolist() if not info.is_dir()]
        if any(_leads_out(info) for info in listed):
            raise SourceMisconfigured(f"path: {container} holds paths or links that lead out of it: it is not read")
        unpacked = sum(info.file_size for info in listed if info.filename.lower().endswith(".json"))
        if unpacked > _SMALL + MOST_UNPACKED * Path(container).stat().st_size:
            raise SourceMisconfigured(f"path: {container} unpacks to {unpacked:,} bytes of JSON: it is not read")
        return [info.filename for info in listed]

    def _zip(self, container: str) -> zipfile.ZipFile:
        if self._open is None or self._open[0] != container:
            self.close()
            try:
                self._open = (container, zipfile.ZipFile(container))
            except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):
                raise SourceMisconfigured(
                    f"path: {container} is neither a folder nor a .zip that can be read"
                ) from None
        return self._open[1]

    def _bounded(self, body: bytes) -> bytes:
        if len(body) > self._largest:
            raise Unreadable("too_large", self._too_large())
        return body

    def _too_large(self) -> str:
        return f"the file has more than {self._largest:,} bytes (max_file_bytes)"


def _in_folder(top: str) -> Iterator[str]:
    """Paths below a folder, links not followed."""
    for folder, _, names in os.walk(top, followlinks=False):
        for name in names:
            yield (Path(folder) / name).relative_to(top).as_posix()


def _from_folder(file: File, most: int) -> bytes:
    try:
        opened = os.open(Path(file.container) / file.member, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise Unreadable("bad_file", f"the file cannot be opened, or is a link ({type(error).__name__})") from None
    with os.fdopen(opened, "rb") as stream:
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            raise Unreadable("bad_file", "this is no file")
        return stream.read(most)


def _leads_out(info: zipfile.ZipInfo) -> bool:
    name = info.filename.replace("\\", "/")
    is_link = stat.S_ISLNK(info.external_attr >> 16)
    return is_link or name.startswith("/") or _DRIVE.match(name) is not None or ".." in name.split("/")
