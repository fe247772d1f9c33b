"""The contract case of files."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ingest.file import Config, FileSource, build
from tests.kit.ingest import Clock, Rig, SourceCase, polite_client
from tests.kit.recordings import write_recording


@asynccontextmanager
async def _start(folder: Path) -> AsyncIterator[Rig]:
    expected, unreadable = write_recording(folder)
    clock = Clock()
    config = Config(kind="file", name="history", path=str(folder / "*"), page_size=3)
    async with polite_client(clock) as client:

        def make() -> FileSource:
            return build(config, client=client, clock=clock)

        yield Rig(make=make, clock=clock, expected=expected, unreadable=unreadable)


CASES = (
    SourceCase(
        kind="file",
        start=_start,
        config={"kind": "file", "name": "history", "path": "posts.jsonl"},
        quiet=99,
        endless=False,
        http=False,
    ),
)
