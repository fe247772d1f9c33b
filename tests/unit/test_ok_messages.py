"""Messages that Odnoklassniki brings: answered when they are durable, whatever else is brought."""

import asyncio
import json
from typing import Any

import pytest
from pydantic import ValidationError

from domain.dead_letter import DeadLetter
from domain.post import Record
from ingest.ok import Config, OkMessages
from tests.kit.cases_ok import MESSAGES, message
from tests.kit.ingest import NOON, Clock
from tests.networks.ok import GROUP


def make(**other: Any) -> OkMessages:
    return OkMessages(Config.model_validate(MESSAGES), clock=Clock(), idle_wait=0.02, **other)


async def brought(source: OkMessages, body: bytes) -> tuple[int, list[str]]:
    """The status of the answer, and the ids of what was stored for it."""
    answer = asyncio.ensure_future(source.receive({}, body))
    page = await source.fetch(None)
    await source.committed(page.cursor)
    status, _, _ = await answer
    return status, [record.post.native_id for record in page.records]


async def test_a_message_is_answered_when_it_is_durable() -> None:
    source = make()
    answer = asyncio.ensure_future(source.receive({}, message(1, NOON)))
    page = await source.fetch(None)
    assert not answer.done()
    await source.committed(page.cursor)
    status, _, body = await answer
    assert (status, json.loads(body)) == (200, {"success": True})


async def test_the_same_message_again_is_taken_and_not_stored_twice() -> None:
    source = make()
    assert await brought(source, message(1, NOON)) == (200, ["mid:C3e.1"])
    status, _, _ = await source.receive({}, message(1, NOON))
    assert status == 200


async def test_what_is_not_stored_in_time_is_to_be_brought_again() -> None:
    status, headers, _ = await make(commit_wait=0.02).receive({}, message(1, NOON))
    assert (status, "retry-after" in headers) == (503, True)


@pytest.mark.parametrize(
    "body",
    [
        b'{"webhookType": "CHAT_SYSTEM", "chat": 1}',
        b'{"webhookType": "MESSAGE_CALLBACK"}',
        message(1, NOON, message={"mid": "mid:1", "attachments": [{"type": "IMAGE"}]}),
    ],
)
async def test_what_is_no_message_is_taken_at_once(body: bytes) -> None:
    assert (await make().receive({}, body))[0] == 200


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"webhookType": 7}'])
async def test_what_the_network_does_not_send_is_refused(body: bytes) -> None:
    assert (await make().receive({}, body))[0] == 400


async def test_a_message_that_cannot_be_read_is_kept_and_can_be_read_again() -> None:
    source = make()
    answer = asyncio.ensure_future(source.receive({}, message(5, NOON, timestamp="now")))
    page = await source.fetch(None)
    await source.committed(page.cursor)
    assert (await answer)[0] == 200
    (letter,) = page.dead_letters
    assert source.reread(letter) == letter
    mended = letter.raw.replace(b'"now"', str(int(NOON.timestamp() * 1_000)).encode())
    again = DeadLetter(
        source=letter.source, stage=letter.stage, reason=letter.reason, detail=letter.detail, where=letter.where,
        raw=mended, at=letter.at,
    )  # fmt: skip
    assert isinstance(source.reread(again), Record)


async def test_the_secret_name_is_not_spoken_of() -> None:
    source = make()
    assert source.name not in repr(source)
    assert source.name not in await source.check()


def test_messages_are_of_one_group() -> None:
    with pytest.raises(ValidationError, match="one group"):
        Config.model_validate({**MESSAGES, "groups": [GROUP, "58"]})
