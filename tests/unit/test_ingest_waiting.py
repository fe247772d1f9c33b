"""How long a provider asks us to wait, how long we wait by ourselves, and whom outside addresses may reach."""

from datetime import timedelta
from email.utils import format_datetime
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import RetryLater, SourceMisconfigured
from ingest.addresses import join, link_from, same_site, site
from ingest.ago import ago
from ingest.backoff import Backoff
from ingest.guard import Guard, is_public
from ingest.waiting import LONGEST_WAIT, asked_wait, used_up
from tests.kit.ingest import NOON

IN_90_SECONDS = NOON + timedelta(seconds=90)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "120"}, 120),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": format_datetime(IN_90_SECONDS, usegmt=True)}, 90),
        ({"retry-after": format_datetime(NOON - timedelta(days=1), usegmt=True)}, 0),
        ({"retry-after": "-5"}, 0),
        ({"retry-after": "99999999"}, LONGEST_WAIT),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, LONGEST_WAIT),
        ({"x-ratelimit-reset": "90"}, 90),
        ({"x-ratelimit-reset": str(IN_90_SECONDS.timestamp())}, 90),
        ({"x-ratelimit-reset": str(int(IN_90_SECONDS.timestamp() * 1000))}, 90),
        ({"x-ratelimit-reset": "2026-11-20T12:01:30.000000Z"}, 90),
        ({"ratelimit-reset": "2026-11-20T12:01:30"}, 90),
        ({"retry-after": "3", "x-ratelimit-reset": "90"}, 3),
    ],
)
def test_the_wait_a_provider_asks_for(headers: dict[str, str], seconds: float | None) -> None:
    assert asked_wait(headers, NOON) == (None if seconds is None else pytest.approx(seconds))


@given(st.text(max_size=40))
def test_no_header_is_strange_enough_to_fail(text: str) -> None:
    wait = asked_wait({"retry-after": text}, NOON)
    assert wait is None or 0 <= wait <= LONGEST_WAIT


@pytest.mark.parametrize(("left", "used"), [("0", True), ("0.0", True), ("1", False), ("", False), ("zero", False)])
def test_the_last_request_of_a_window_is_noticed(left: str, *, used: bool) -> None:
    assert used_up({"x-ratelimit-remaining": left}) is used


def test_backing_off_doubles_its_ceiling_up_to_the_cap_and_starts_anew_after_a_success() -> None:
    class Longest(Random):
        def uniform(self, a: float, b: float) -> float:
            assert a == 0
            return b

    backoff = Backoff(Longest())
    assert [backoff.next_delay() for _ in range(10)] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]
    backoff.reset()
    assert backoff.next_delay() == 1


@given(st.integers(0, 2_000))
def test_backing_off_never_leaves_its_bounds(failures: int) -> None:
    backoff = Backoff(Random(failures))
    assert all(0 <= backoff.next_delay() <= 300 for _ in range(failures))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "198.18.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "2001:db8::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
    ],
)  # fmt: skip
def test_private_addresses_are_known_in_every_dress(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:8.8.8.8"])
def test_public_addresses_pass(address: str) -> None:
    assert is_public(address)


async def test_one_private_address_among_public_ones_refuses_the_host() -> None:
    async def resolve(_: str, __: int) -> list[str]:
        return ["93.184.215.14", "127.0.0.1"]

    with pytest.raises(SourceMisconfigured, match=r"feeds\.example"):
        await Guard(resolve=resolve).addresses("feeds.example", 80)


async def test_a_host_without_addresses_is_refused_and_an_unknown_one_tried_again() -> None:
    async def nothing(_: str, __: int) -> list[str]:
        return []

    async def unknown(_: str, __: int) -> list[str]:
        raise OSError

    with pytest.raises(SourceMisconfigured):
        await Guard(resolve=nothing).addresses("feeds.example", 80)
    with pytest.raises(RetryLater):
        await Guard(resolve=unknown).addresses("feeds.example", 80)


async def test_the_system_is_asked_for_real() -> None:
    with pytest.raises(SourceMisconfigured):
        await Guard().addresses("localhost", 80)


def test_a_site_is_named_without_anything_secret() -> None:
    assert site("https://user:pass@Feeds.Example:8443/bot123:token/x?key=1#f") == "https://feeds.example:8443"
    assert site("http://[::1]:80/x") == "http://[::1]:80"
    assert site("javascript:alert(1)") == "an unusable address"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("http://a.example/x", "https://a.example/y", True),
        ("http://a.example:8080/x", "http://a.example:8080/y", True),
        ("http://a.example:8080/x", "http://a.example:6379/y", False),
        ("http://a.example/x", "http://b.example/x", False),
        ("http://A.example/x", "http://a.example/x", True),
    ],
)
def test_the_same_site_is_the_same_host_and_port(one: str, other: str, *, same: bool) -> None:
    assert same_site(one, other) is same


def test_links_are_made_absolute_or_dropped() -> None:
    assert join("https://a.example/x/y", "../z") == "https://a.example/z"
    assert link_from("https://a.example/x", " /y ") == "https://a.example/y"
    assert link_from("https://a.example/x", "javascript:alert(1)") == ""
    assert link_from("https://a.example/x", "http://[broken") == ""
    assert link_from("https://a.example/x", "") == ""


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-5, "just now"), (40, "40 s ago"), (720, "12 min ago"), (10_800, "3 h ago"), (432_000, "5 days ago")],
)
def test_spans_are_told_as_people_tell_them(seconds: int, said: str) -> None:
    assert ago(NOON - timedelta(seconds=seconds), NOON) == said
