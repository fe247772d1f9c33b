"""The contract cases of the App Store: by the public feed, and by App Store Connect."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

from ingest.appstore import Config, build
from tests.kit.ingest import HOSTILE_TEXT, HTML_BOMB, NOON, SECRET, Clock, Failure, Rig, SourceCase, polite_client
from tests.networks.appstore import FAILURES, ISSUER, KEY_ID, AppStoreServer, Review, app_store, key

AIR, CARGO = "123456789", "987654321"
CONNECT: dict[str, Any] = {
    "via": "connect", "key_id": KEY_ID, "issuer_id": ISSUER, "private_key": key(),
}  # fmt: skip


def stock(store: AppStoreServer) -> None:
    """Put reviews of two apps into the store: three of them cannot be read."""
    now = NOON.timestamp()
    air = [Review(str(100 + n), now - n * 3_600, f"Gate {n} & no staff <3") for n in range(1, 30)]
    air += [Review("html", now - 90, f"Aurora Air{HTML_BOMB}"), Review("odd", now - 95, HOSTILE_TEXT)]
    air += [Review("long", now - 99, "Aurora Air " * 20_000), Review("nul", now - 99, "nul \x00 Aurora")]
    air += [Review("half", now - 101, "half \ud83d Aurora")]
    store.apps = {AIR: air, CARGO: [Review(f"c{n}", now - n * 7_000, f"Cargo {n}", country="kz") for n in range(5)]}
    store.page, store.with_app = 20, True


def unreadable(via: str) -> list[Review]:
    """Reviews without an id, a time, and a word."""
    now = NOON.timestamp()
    timeless = {"updated": {"label": "soon"}, "createdDate": "soon"}
    worthless = {"im:rating": 7} if via == "feed" else {"rating": "many"}
    return [
        Review("time", now - 50, broken=timeless),
        Review("odder", now - 51, broken=worthless),
        Review("empty", now - 52, "", ""),
    ]


def start(via: Literal["feed", "connect"]) -> Callable[[Path], Any]:
    """Start a store that is listened to in one of the two ways."""

    @asynccontextmanager
    async def _start(_: Path) -> AsyncIterator[Rig]:
        clock = Clock()
        async with app_store(clock) as store, polite_client(clock) as client:
            stock(store)
            if via == "connect":
                store.find("103").response, store.find("103").responded = "We are sorry", NOON.timestamp() - 1_800
            expected = {one.id for app in store.apps.values() for one in app}
            expected |= {"103_reply"} if via == "connect" else set()
            store.apps[AIR] += unreadable(via)
            way: dict[str, Any] = CONNECT if via == "connect" else {"countries": ["us", "kz"]}
            told = {"kind": "appstore", "apps": [AIR, CARGO], "api": store.server.url, "every": 900, **way}
            config = Config.model_validate(told)

            def publish(count: int) -> list[str]:
                # As many as the real one shows.
                store.page = 50
                at = clock().timestamp()
                fresh = [Review(f"new{at}{n}", at, "Aurora Air again") for n in range(count)]
                store.apps[AIR] += fresh
                return [one.id for one in fresh]

            def fail(failure: Failure | None) -> None:
                told = FAILURES[failure] if failure else None
                store.server.misbehave(told, share=0.3 if failure == "flaky" else 1.0)

            yield Rig(
                make=lambda: build(config, client=client, clock=clock),
                clock=clock,
                expected=expected,
                unreadable=3,
                publish=publish,
                fail=fail,
                edit=store.edit,
                delete=store.delete,
            )

    return _start


CASES = (
    SourceCase(
        kind="appstore",
        way="feed",
        start=start("feed"),
        config={"kind": "appstore", "apps": [AIR]},
        edits=True,
        history=True,
    ),
    SourceCase(
        kind="appstore",
        way="connect",
        start=start("connect"),
        config={"kind": "appstore", "apps": [AIR], **CONNECT, "private_key": SECRET},
        key=True,
        edits=True,
        deletions=True,
        history=True,
    ),
)
