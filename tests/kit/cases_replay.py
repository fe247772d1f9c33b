"""The contract case of recorded streams."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ingest.replay import Config, ReplaySource, build
from tests.kit.ingest import Clock, Rig, SourceCase, polite_client
from tests.kit.recordings import write_recording


@asynccontextmanager
async def _start(folder: Path) -> AsyncIterator[Rig]:
    expected, unreadable = write_recording(folder)
    clock = Clock()
    config = Config(kind="replay", name="recorded", path=str(folder / "*"), page_size=7)
    async with polite_client(clock) as client:

        def make() -> ReplaySource:
            return build(config, client=client, clock=clock)

        yield Rig(make=make, clock=clock, expected=expected, unreadable=unreadable)


CASES = (
    SourceCase(
        kind="replay",
        start=_start,
        config={"kind": "replay", "name": "recorded", "path": "day.jsonl"},
        quiet=99,
        endless=False,
        http=False,
    ),
)
