"""Every error code of VK's gets the right order; nothing that VK says gives the token away."""

from typing import Any

import pytest

from domain.errors import RetryLater, SourceError, SourceMisconfigured, SourceStopped
from domain.transport import Reply
from ingest.http import HttpTransport, PoliteClient
from ingest.vk import Config
from ingest.vk.api import Call, VkApi
from ingest.vk.orders import Closed, CodeFailed, Flooded, NoSuch, QuotaReached, Slower, TimedOut, order
from tests.kit.cases_vk import listening
from tests.kit.ingest import SECRET, Clock, polite_client
from tests.networks.vk import Vk, failed, serving

ORDERS: dict[int, type[SourceError]] = {
    1: RetryLater, 3: SourceMisconfigured, 5: SourceStopped, 6: Slower, 7: Closed, 8: SourceMisconfigured, 9: Flooded,
    10: RetryLater, 12: CodeFailed, 13: CodeFailed, 14: SourceStopped, 15: Closed, 17: SourceStopped, 18: Closed,
    19: Closed, 27: SourceStopped, 28: SourceStopped, 29: QuotaReached, 30: Closed, 36: TimedOut, 100: NoSuch,
    113: NoSuch, 125: NoSuch, 203: Closed, 212: Closed,
}  # fmt: skip


def api_of(vk: Vk, client: object, clock: Clock, **more: object) -> VkApi:
    return VkApi(client, token=SECRET, clock=clock, api=vk.server.url, **{"rate": 1_000, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(("code", "kind"), ORDERS.items())
def test_each_code_has_its_order(code: int, kind: type[SourceError]) -> None:
    found = order(code, "as VK says", "wall.get")
    assert type(found) is kind
    assert f"VK says {code} (as VK says)" in str(found)


def test_a_code_that_nobody_knows_drops_the_object_and_may_heal() -> None:
    found = order(9_999, "", "wall.get")
    assert isinstance(found, Closed)
    assert not found.known


@pytest.mark.parametrize(
    ("code", "remedy"), {5: "make a new one", 14: "captcha", 17: "sign in", 28: "service"}.items()
)
def test_what_stops_the_source_says_what_to_do(code: int, remedy: str) -> None:
    assert remedy in str(order(code, "", "wall.get"))


@pytest.mark.parametrize(("code", "kind"), ORDERS.items())
async def test_an_error_with_http_200_is_an_error_alone_and_in_a_bundle(code: int, kind: type[SourceError]) -> None:
    clock = Clock()
    async with serving(SECRET) as vk, polite_client(clock) as client:
        vk.group(501, "Aurora Air")
        api = api_of(vk, client, clock)
        vk.faults["wall.get -501"] = code
        with pytest.raises(SourceError) as alone:
            await api.call("wall.get", owner_id=-501)
        assert type(alone.value) is kind
        other = api_of(vk, client, clock)
        good, bad, also_good = await other.execute(
            [Call("users.get"), Call("wall.get", {"owner_id": -501}), Call("groups.getById", {"group_ids": "501"})]
        )
        assert isinstance(good, bytes)
        assert isinstance(also_good, bytes)
        assert type(bad) is kind


async def test_errors_in_a_bundle_go_to_the_calls_that_failed() -> None:
    clock = Clock()
    async with serving(SECRET) as vk, polite_client(clock) as client:
        for number in range(1, 6):
            vk.group(number, f"Group {number}")
        vk.faults = {"wall.get -2": 15, "wall.get -4": 29}
        found = await api_of(vk, client, clock).execute([Call("wall.get", {"owner_id": -n}) for n in range(1, 6)])
        assert [type(one) for one in found] == [bytes, Closed, bytes, QuotaReached, bytes]


async def test_a_method_whose_quota_is_used_up_rests_until_midnight_in_moscow_and_the_others_go_on() -> None:
    clock = Clock()
    async with serving(SECRET) as vk, polite_client(clock) as client:
        api = api_of(vk, client, clock)
        vk.faults["wall.get"] = 29
        with pytest.raises(QuotaReached) as told:
            await api.call("wall.get", domain="x")
        assert told.value.after == pytest.approx(9 * 3_600)
        vk.faults.clear()
        with pytest.raises(QuotaReached):
            await api.call("wall.get", domain="y")
        assert vk.per_method["wall.get"] == 1
        await api.call("users.get")
        again = api_of(vk, client, clock)
        again.resume(api.spent)
        assert again.used_up("wall.get") == pytest.approx(9 * 3_600)
        clock.advance(9 * 3_600 + 1)
        assert again.used_up("wall.get") == 0


async def test_calls_are_counted_and_end_before_vk_says_so() -> None:
    clock = Clock()
    async with serving(SECRET) as vk, polite_client(clock) as client:
        api = api_of(vk, client, clock, daily={"users.get": 3})
        assert [type(one) for one in await api.execute([Call("users.get")] * 4)] == [
            bytes,
            bytes,
            bytes,
            QuotaReached,
        ]
        assert vk.per_method["users.get"] == 3


async def test_a_call_that_was_repeated_too_often_waits_a_minute_then_two_up_to_an_hour_and_others_go_on() -> None:
    clock = Clock()
    async with serving(SECRET) as vk, polite_client(clock) as client:
        vk.group(501, "Aurora Air", "auroraair")
        api = api_of(vk, client, clock)
        vk.faults["wall.get auroraair"] = 9
        waits = []
        for _ in range(8):
            with pytest.raises(Flooded) as told:
                await api.call("wall.get", domain="auroraair")
            waits.append(told.value.after)
            with pytest.raises(Flooded):
                await api.call("wall.get", domain="auroraair")
            await api.call("wall.get", owner_id=-501)
            clock.advance(told.value.after or 0)
        assert waits == [60, 120, 240, 480, 960, 1_920, 3_600, 3_600]
        assert vk.per_method["wall.get"] == 16
        vk.faults.clear()
        await api.call("wall.get", domain="auroraair")
        vk.faults["wall.get auroraair"] = 9
        with pytest.raises(Flooded) as told:
            await api.call("wall.get", domain="auroraair")
        assert told.value.after == 60


class Noting(PoliteClient):
    """A polite client that writes down how fast each of its requests may follow the last."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(HttpTransport(), clock=clock)
        self.limits: dict[str, float] = {}
        self.rates: list[float] = []

    def limit(self, key: str, *, requests: float, seconds: float) -> None:
        self.limits.setdefault(key, requests / seconds)
        super().limit(key, requests=requests, seconds=seconds)

    async def request(self, method: str, url: str, *, limiter_key: str | None = None, **more: Any) -> Reply:
        assert limiter_key
        assert SECRET not in limiter_key
        self.rates.append(round(self.limits[limiter_key]))
        return await super().request(method, url, limiter_key=limiter_key, **more)


async def test_too_many_a_second_waits_a_second_and_goes_slower_from_then_on() -> None:
    clock = Clock()
    async with serving(SECRET) as vk:
        client = Noting(clock)
        api = api_of(vk, client, clock, rate=102)
        vk.faults["users.get"] = 6
        for _ in range(4):
            with pytest.raises(Slower) as told:
                await api.call("users.get")
            assert told.value.after == 1
        await client.aclose()
    assert client.rates == [100, 60, 30, 30]


@pytest.mark.parametrize(
    ("via", "rate"), [("wall", 3), ("search", 3), ("stream", 3), ("longpoll", 20), ("callback", 20)]
)
def test_a_communitys_token_may_ask_more_often(via: str, rate: float) -> None:
    needs: dict[str, dict[str, Any]] = {
        "wall": {"communities": ["auroraair"]}, "longpoll": {"group": 501},
        "callback": {"group": 501, "secret": SECRET, "confirmation": "c0"},
    }  # fmt: skip
    assert Config.model_validate({"kind": "vk", "via": via, "token": SECRET, **needs.get(via, {})}).rate == rate


async def test_what_vk_says_never_holds_the_token() -> None:
    clock = Clock()
    async with serving(SECRET) as vk, polite_client(clock) as client:
        vk.server.misbehave(failed(5, f"bad\ntoken {SECRET}"))
        with pytest.raises(SourceStopped, match=r"bad token \*\*\*") as told:
            await api_of(vk, client, clock).call("users.get")
        assert SECRET not in str(told.value)
        assert SECRET not in repr(api_of(vk, client, clock))


async def test_a_captcha_stops_a_whole_source() -> None:
    async with listening() as (vk, _, made):
        vk.faults["wall.get"] = 14
        with pytest.raises(SourceStopped, match="captcha"):
            await made().fetch(None)
