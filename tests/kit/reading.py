"""Reads a file source to its end, as the runtime does."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from ingest.file import Config, FileSource
from ingest.source import Source
from tests.kit.ingest import Clock, Harvest


def file_source(path: Path | str, *, clock: Callable[[], datetime] | None = None, **settings: Any) -> FileSource:
    """A source on a path or pattern."""
    config = Config.model_validate({"kind": "file", "name": "history", "path": str(path), **settings})
    return FileSource(config, clock=clock or Clock())


async def read_all(source: Source, cursor: bytes | None = None, *, pages: int = 10_000) -> Harvest:
    """Fetch to the end, or at most so many pages."""
    found = Harvest(cursors=[cursor])
    try:
        for _ in range(pages):
            found.take(await source.fetch(found.cursors[-1]))
            if found.exhausted:
                break
    finally:
        await source.aclose()
    return found


def complaints(found: Harvest) -> list[tuple[str, str]]:
    """The dead letters as (reason, where)."""
    return [(letter.reason, letter.where) for letter in found.dead_letters]
