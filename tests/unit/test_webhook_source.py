import asyncio
import hmac
import json
from base64 import b64encode
from datetime import timedelta
from hashlib import sha256
from typing import Any, Self

import msgspec
import pytest
from pydantic import ValidationError
from standardwebhooks import Webhook

from ingest.deliveries import REMEMBERED, Answer
from ingest.webhook import Config, WebhookSource
from tests.kit.cases_webhook import post, signed
from tests.kit.ingest import Clock

SECRET = "a-long-enough-shared-secret"
STANDARD = "whsec_" + b64encode(b"twenty-four random bytes").decode()


def webhook(clock: Clock | None = None, *, commit_wait: float = 5.0, **settings: Any) -> WebhookSource:
    config = Config.model_validate({"kind": "webhook", "name": "partner", "secret": SECRET, **settings})
    return WebhookSource(config, clock=clock or Clock(), commit_wait=commit_wait, idle_wait=0.02)


class Runtime:
    """Fetches and commits, as the embedded runtime does."""

    def __init__(self, source: WebhookSource, cursor: bytes | None = None) -> None:
        self.source, self.cursor = source, cursor
        self.stored: list[str] = []
        self._task = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        while True:
            page = await self.source.fetch(self.cursor)
            self.stored += [record.post.native_id for record in page.records]
            self.cursor = page.cursor
            await self.source.committed(page.cursor)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def body_of(*posts: dict[str, Any]) -> bytes:
    return json.dumps(posts).encode()


def said(answer: Answer) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(answer[2])
    return found


async def send(source: WebhookSource, body: bytes, delivery: str = "msg_1", **headers: str) -> Answer:
    return await source.receive(signed(body, Clock(), delivery=delivery, secret=SECRET.encode()) | headers, body)


async def test_a_delivery_is_accepted_once_its_posts_are_durable() -> None:
    source = webhook()
    sending = asyncio.ensure_future(send(source, body_of(post(1), post(2))))
    page = await source.fetch(None)
    await asyncio.sleep(0.05)
    assert not sending.done()
    await source.committed(page.cursor)
    status, headers, body = await sending
    assert (status, headers["content-type"], body) == (202, "application/json", b'{"accepted":2}')
    assert [record.post.native_id for record in page.records] == ["w1", "w2"]
    assert page.records[0].post.origin == "live"


async def test_one_object_is_one_post_and_columns_are_mapped() -> None:
    source = webhook(map={"text": "message.body"}, network="helpdesk")
    async with Runtime(source) as runtime:
        answer = await send(source, json.dumps({"id": 7, "message": {"body": "Aurora Air"}}).encode())
        assert said(answer) == {"accepted": 1}
        assert runtime.stored == ["7"]


async def test_a_delivery_sent_again_is_accepted_again_and_stored_once() -> None:
    source = webhook()
    async with Runtime(source) as runtime:
        for _ in range(3):
            assert (await send(source, body_of(post(1))))[0] == 202
        assert runtime.stored == ["w1"]
    restarted = webhook()
    async with Runtime(restarted, runtime.cursor) as runtime:
        await asyncio.sleep(0.05)
        assert (await send(restarted, body_of(post(1))))[0] == 202
        assert (await send(restarted, body_of(post(2)), "msg_2"))[0] == 202
        assert runtime.stored == ["w2"]


async def test_a_delivery_sent_again_while_it_waits_shares_its_fate() -> None:
    source = webhook()
    first = asyncio.ensure_future(send(source, body_of(post(1))))
    second = asyncio.ensure_future(send(source, body_of(post(1))))
    async with Runtime(source) as runtime:
        assert [(await one)[0] for one in (first, second)] == [202, 202]
        assert runtime.stored == ["w1"]


async def test_an_id_used_again_for_other_posts_loses_none() -> None:
    source = webhook()
    async with Runtime(source) as runtime:
        await send(source, body_of(post(1)))
        await send(source, body_of(post(2)))
        assert runtime.stored == ["w1", "w2"]


async def test_posts_without_id_and_date_are_the_same_when_sent_again() -> None:
    bare, ids = body_of({"text": "down again"}, {"text": "down again"}), []
    for _ in range(2):
        source, clock = webhook(), Clock()
        clock.advance(5)
        async with Runtime(source) as runtime:
            await send(source, bare)
            ids.append(runtime.stored)
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 2


async def test_what_was_fetched_but_not_committed_comes_again() -> None:
    source = webhook()
    sending = asyncio.ensure_future(send(source, body_of(post(1))))
    first, again = await source.fetch(None), await source.fetch(None)
    assert first.records == again.records
    await source.committed(again.cursor)
    assert (await sending)[0] == 202


async def test_nothing_stored_in_time_is_503_with_retry_after() -> None:
    source = webhook(commit_wait=0.05)
    status, headers, _ = await send(source, body_of(post(1)))
    assert (status, headers["retry-after"]) == (503, "10")
    page = await source.fetch(None)
    assert [record.post.native_id for record in page.records] == ["w1"], "it is stored all the same"


async def test_a_stopping_process_asks_its_callers_to_come_again() -> None:
    source = webhook()
    sending = asyncio.ensure_future(send(source, body_of(post(1))))
    await asyncio.sleep(0.01)
    await source.aclose()
    assert (await sending)[0] == 503


async def test_too_much_waiting_is_429_with_retry_after() -> None:
    source = webhook(waiting_posts=3, commit_wait=0.2)
    waiting = [asyncio.ensure_future(send(source, body_of(post(n), post(n + 10)), f"msg_{n}")) for n in range(2)]
    answers = await asyncio.gather(*waiting)
    assert sorted(answer[0] for answer in answers) == [429, 503]
    assert all("retry-after" in answer[1] for answer in answers)


@pytest.mark.parametrize(
    ("posts", "index", "reason"),
    [
        ([post(1), post(2, text=" ")], 1, "no_text"),
        ([post(1), post(2), 7], 2, "bad_json"),
        ([post(1, created_at="2031-01-01")], 0, "bad_date"),
        ([{"deleted": True}], 0, "no_id"),
    ],
)
async def test_one_bad_post_refuses_the_delivery_and_names_its_index(
    posts: list[Any], index: int, reason: str
) -> None:
    source = webhook()
    status, headers, _ = answer = await send(source, json.dumps(posts).encode())
    assert (status, headers["content-type"]) == (400, "application/problem+json")
    assert (said(answer)["index"], said(answer)["reason"]) == (index, reason)
    assert said(answer)["title"] == "Bad Request"
    assert (await source.fetch(None)).records == []


@pytest.mark.parametrize("body", [b"", b"{", b"\x00", b"[" * 10_000, b'{"a": NaN}', b"7"])
async def test_a_body_that_is_no_json_object_is_400(body: bytes) -> None:
    assert (await send(webhook(), body))[0] == 400


async def test_an_empty_array_is_accepted() -> None:
    assert said(await send(webhook(), b"[]")) == {"accepted": 0}


async def test_a_body_over_a_megabyte_is_413_before_anything_else() -> None:
    assert (await webhook().receive({}, b"x" * 1_000_001))[0] == 413


@pytest.mark.parametrize("media", ["text/plain", "", "application/x-www-form-urlencoded"])
async def test_another_media_type_is_415(media: str) -> None:
    assert (await send(webhook(), body_of(post(1)), **{"Content-Type": media}))[0] == 415


@pytest.mark.parametrize(
    "media", ["application/json; charset=utf-8", "application/cloudevents+json", "APPLICATION/JSON"]
)
async def test_json_under_its_other_names_is_taken(media: str) -> None:
    source = webhook()
    async with Runtime(source):
        assert (await send(source, body_of(post(1)), **{"Content-Type": media}))[0] == 202


def tocsin_headers(body: bytes, at: int, secret: str = SECRET) -> dict[str, str]:
    digest = hmac.new(secret.encode(), f"v1:{at}:".encode() + body, sha256).hexdigest()
    return {"content-type": "application/json", "x-tocsin-timestamp": str(at), "x-tocsin-signature": f"v1={digest}"}


def hub_headers(body: bytes, secret: str = SECRET) -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, sha256).hexdigest()
    return {"content-type": "application/json", "x-hub-signature-256": f"sha256={digest}"}


async def test_all_three_ways_of_signing_are_accepted() -> None:
    clock, body = Clock(), body_of(post(1))
    source = webhook(clock)
    now = int(clock().timestamp())
    async with Runtime(source):
        for headers in (
            signed(body, clock, delivery="x", secret=SECRET.encode()), tocsin_headers(body, now), hub_headers(body),
        ):  # fmt: skip
            assert (await source.receive(headers, body))[0] == 202


async def test_both_secrets_are_accepted_while_they_change() -> None:
    clock, body = Clock(), body_of(post(1))
    source = webhook(clock, secret=STANDARD, previous_secret=SECRET)
    now = int(clock().timestamp())
    async with Runtime(source):
        for headers in (
            signed(body, clock, delivery="1", secret=STANDARD),
            signed(body, clock, delivery="2", secret=SECRET.encode()),
            tocsin_headers(body, now, STANDARD),
            tocsin_headers(body, now),
            hub_headers(body),
        ):
            assert (await source.receive(headers, body))[0] == 202
        assert (await source.receive(hub_headers(body, "another-long-secret"), body))[0] == 401


async def test_one_of_several_standard_signatures_is_enough() -> None:
    clock, body = Clock(), body_of(post(1))
    source = webhook(clock)
    headers = signed(body, clock, delivery="x", secret=SECRET.encode())
    headers["Webhook-Signature"] = f"v2,abc v1,nonsense {headers['Webhook-Signature']}"
    async with Runtime(source):
        assert (await source.receive(headers, body))[0] == 202


def forged(clock: Clock) -> list[dict[str, str]]:
    body = body_of(post(1))
    now = clock()
    good = signed(body, clock, delivery="x", secret=SECRET.encode())
    late = Webhook(SECRET.encode())
    old = now - timedelta(seconds=301)
    young = now + timedelta(seconds=301)
    stamps = [
        good | {"Webhook-Timestamp": str(int(at.timestamp())), "Webhook-Signature": late.sign("x", at, body.decode())}
        for at in (old, young)
    ]
    at = int(now.timestamp())
    return [
        {"content-type": "application/json"},
        *stamps,
        good | {"Webhook-Id": "other"},
        good | {"Webhook-Id": ""},
        good | {"Webhook-Timestamp": "²"},
        good | {"Webhook-Timestamp": "9" * 400},
        good | {"Webhook-Timestamp": "-1"},
        good | {"Webhook-Signature": ""},
        good | {"Webhook-Signature": "v1,é"},
        tocsin_headers(body, at) | {"x-tocsin-timestamp": str(at + 1)},
        tocsin_headers(body, at - 301),
        tocsin_headers(body, at, "wrong-secret-wrong"),
        tocsin_headers(body, at) | {"x-tocsin-signature": "v1="},
        hub_headers(body, "wrong-secret-wrong"),
        hub_headers(body) | {"x-hub-signature-256": "sha256="},
        hub_headers(body + b" "),
    ]


@pytest.mark.parametrize("number", range(len(forged(Clock()))))
async def test_a_forged_or_old_delivery_is_401_and_says_no_secret(number: int) -> None:
    clock = Clock()
    status, _, body = await webhook(clock).receive(forged(clock)[number], body_of(post(1)))
    assert status == 401
    assert SECRET.encode() not in body


async def test_a_body_that_is_not_utf_8_is_refused() -> None:
    clock, body = Clock(), b'{"text": "caf\xe9"}'
    source = webhook(clock)
    assert (await source.receive(hub_headers(body), body))[0] == 400
    headers = signed(b"{}", clock, delivery="x", secret=SECRET.encode())
    assert (await source.receive(headers, body))[0] == 401


@pytest.mark.parametrize("secret", ["short", "whsec_", "whsec_not base64 at all!"])
def test_a_weak_or_broken_secret_is_refused(secret: str) -> None:
    with pytest.raises(ValidationError):
        webhook(secret=secret)


async def test_the_cursor_stays_small() -> None:
    source = webhook()
    async with Runtime(source) as runtime:
        for number in range(REMEMBERED + 50):
            await send(source, body_of(post(number)), f"msg_{number}")
        assert runtime.cursor is not None
        assert len(runtime.cursor) < 15_000
