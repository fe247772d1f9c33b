"""Unpacks zstd in bounded memory and, unlike the library's own reader, notices a file that breaks off."""

from typing import BinaryIO

from zstandard import ZstdDecompressor

from ingest.records.row import Unreadable

_LARGEST_WINDOW = 2**27
_SLICE = 128
"""Bytes unpacked at a time. Four bytes can unpack to 128 KiB, so that a slice stays under 5 MB whatever it holds."""


class ZstdReader:
    """Reads the frames of a file one after the other."""

    def __init__(self, packed: BinaryIO) -> None:
        self._packed = packed
        self._unpacker = ZstdDecompressor(max_window_size=_LARGEST_WINDOW)
        self._frame = self._unpacker.decompressobj()
        self._begun = False
        self._ready = bytearray()

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, b"" at the end. Raises Unreadable where the last frame breaks off."""
        while len(self._ready) < size and (piece := self._packed.read(_SLICE)):
            self._unpack(piece)
        if not self._ready and self._begun:
            raise Unreadable("truncated", "the packed file ends in the middle; what came before was read")
        block = bytes(self._ready[:size])
        del self._ready[:size]
        return block

    def close(self) -> None:
        """Forget what was unpacked and not read."""
        self._ready.clear()

    def _unpack(self, piece: bytes) -> None:
        while piece:
            self._begun = True
            self._ready += self._frame.decompress(piece)
            if not self._frame.eof:
                return
            piece = self._frame.unused_data
            self._frame = self._unpacker.decompressobj()
            self._begun = False
