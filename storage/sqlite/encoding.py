"""Evidence, compressed."""

import zstandard


def pack(raw: bytes) -> bytes:
    """Compress evidence; nothing stays nothing."""
    return zstandard.ZstdCompressor(level=3).compress(raw) if raw else b""


def unpack(packed: bytes) -> bytes:
    """Return what was packed."""
    return zstandard.ZstdDecompressor().decompress(packed) if packed else b""
