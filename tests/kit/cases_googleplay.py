"""The contract case of Google Play: two apps, an hour's worth of trouble."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ingest.googleplay import Config, build
from tests.kit.ingest import HOSTILE_TEXT, HTML_BOMB, NOON, SECRET, Clock, Failure, Rig, SourceCase, polite_client
from tests.networks.googleplay import FAILURES, google_play, key_file, review

AIR, CARGO = "com.auroraair.app", "com.auroraair.cargo"


@asynccontextmanager
async def _start(_: Path) -> AsyncIterator[Rig]:
    clock = Clock()
    now = NOON.timestamp()
    async with google_play(clock) as play, polite_client(clock) as client:
        air = [review(f"gp:{n}", now - n * 3_600, f"Late again\tGate {n} & no staff <3") for n in range(1, 30)]
        air += [review("gp:html", now - 90, f"Aurora Air{HTML_BOMB}"), review("gp:odd", now - 95, HOSTILE_TEXT)]
        air += [review("gp:long", now - 99, "Aurora Air " * 20_000), review("gp:nul", now - 99, "nul \x00 Aurora")]
        air += [review("gp:half", now - 101, "half \ud83d Aurora")]
        play.apps = {AIR: air, CARGO: [review(f"cargo:{n}", now - n * 7_000, f"Cargo {n}") for n in range(5)]}
        play.reply("gp:3", "We are sorry", now - 1_800)
        expected = {one["reviewId"] for app in play.apps.values() for one in app} | {"gp:3_reply"}
        air += [{"reviewId": "gp:none"}, review("gp:time", now, "x", lastModified={"seconds": "soon"})]
        air += [review("gp:empty", now - 70, "\t ")]
        play.page = 8
        config = Config(
            kind="googleplay",
            service_account=key_file(play.server.at("/token")),
            packages=(AIR, CARGO),
            api=play.server.url,
            requests_per_hour=100_000,
        )

        def publish(count: int) -> list[str]:
            at = clock().timestamp()
            fresh = [review(f"gp:new{at}{n}", at, "Aurora Air again") for n in range(count)]
            air.extend(fresh)
            return [one["reviewId"] for one in fresh]

        def fail(failure: Failure | None) -> None:
            told = FAILURES[failure] if failure else None
            play.server.misbehave(told, share=0.3 if failure == "flaky" else 1.0)

        yield Rig(
            make=lambda: build(config, client=client, clock=clock),
            clock=clock,
            expected=expected,
            unreadable=3,
            publish=publish,
            fail=fail,
            edit=play.edit,
            delete=play.delete,
        )


CASES = (
    SourceCase(
        kind="googleplay",
        start=_start,
        config={"kind": "googleplay", "service_account": SECRET, "packages": [AIR]},
        key=True,
        edits=True,
        deletions=True,
        history=True,
    ),
)
