"""Every answer of every receiver over HTTP leads to the right verdict, and no secret gets into an error."""

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from email.utils import format_datetime
from types import ModuleType
from typing import Any

import pytest

from alerting.notifiers import slack, telegram, webhook
from alerting.notifiers.notifier import Notifier
from domain.errors import DeliveryError, DeliveryRefused, DeliveryRetry
from ingest.http import HttpTransport
from tests.kit.alerts import MIDNIGHT, notification
from tests.kit.receivers import Receiver, as_json, slack_like, telegram_like, webhook_like
from tests.kit.scripted_http import Told

SECRET = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQ="


@dataclass
class Setup:
    module: ModuleType
    server: Callable[[], AbstractAsyncContextManager[Receiver]]
    settings: Callable[[str], dict[str, Any]]
    secret: str


SETUPS = {
    "slack_bot": Setup(
        slack, slack_like, lambda url: {"token": "xoxb-test", "channel": "#duty", "api": f"{url}/api"}, "xoxb-test"
    ),
    "slack_webhook": Setup(
        slack, slack_like, lambda url: {"webhook_url": f"{url}/services/T/B/X"}, "/services/T/B/X"
    ),
    "telegram": Setup(telegram, telegram_like, lambda url: {"token": "1:test", "chat": 42, "api": url}, "1:test"),
    "webhook": Setup(webhook, webhook_like, lambda url: {"url": f"{url}/hook?key=hush", "secret": SECRET}, "hush"),
}


@pytest.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    transport = HttpTransport(tls=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    yield transport
    await transport.aclose()


def built(setup: Setup, url: str, transport: HttpTransport, **more: Any) -> Notifier:
    config = setup.module.Config(**setup.settings(url), **more)
    notifier: Notifier = setup.module.build(config, transport=transport, clock=lambda: MIDNIGHT)
    return notifier


def status_table() -> list[tuple[int, type[DeliveryError]]]:
    later = [408, 409, 423, 425, 429, 500, 502, 503, 504, 599]
    never = [301, 302, 307, 308, 401, 402, 403, 404, 405, 410, 413, 422, 451]
    return [(status, DeliveryRetry) for status in later] + [(status, DeliveryRefused) for status in never]


@pytest.mark.parametrize("kind", SETUPS)
@pytest.mark.parametrize(("status", "verdict"), status_table())
async def test_each_status_has_its_verdict_and_keeps_the_secret(
    kind: str, status: int, verdict: type[DeliveryError], transport: HttpTransport
) -> None:
    setup = SETUPS[kind]
    async with setup.server() as receiver:
        receiver.script = [Told(status, b"<html>sorry</html>", {"location": "http://127.0.0.1:1/"})]
        notifier = built(setup, receiver.url, transport)
        with pytest.raises(verdict) as caught:
            await notifier.send(notification(), thread="")
        assert len(receiver.asked) == 1
    assert setup.secret not in str(caught.value) + repr(notifier) + repr(caught.value.__cause__)
    assert str(status) in str(caught.value)


@pytest.mark.parametrize("kind", SETUPS)
@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("17", 17.0),
        ("0.5", 0.5),
        (format_datetime(MIDNIGHT + timedelta(seconds=90), usegmt=True), 90.0),
        ("soon", None),
        ("-4", None),
        ("999999999", 86_400.0),
    ],
)
async def test_the_receivers_own_wait_is_obeyed(
    kind: str, header: str, seconds: float | None, transport: HttpTransport
) -> None:
    setup = SETUPS[kind]
    async with setup.server() as receiver:
        receiver.script = [Told(429, b"{}", {"retry-after": header})]
        with pytest.raises(DeliveryRetry) as caught:
            await built(setup, receiver.url, transport).send(notification(), thread="")
    assert caught.value.after == seconds


@pytest.mark.parametrize("kind", SETUPS)
async def test_no_answer_is_tried_again_and_names_no_address(kind: str, transport: HttpTransport) -> None:
    setup = SETUPS[kind]
    async with setup.server() as receiver:
        url = receiver.url
    with pytest.raises(DeliveryRetry) as caught:
        await built(setup, url, transport).send(notification(), thread="")
    assert setup.secret not in str(caught.value)
    assert "127.0.0.1" not in str(caught.value)


@pytest.mark.parametrize("kind", ["slack_bot", "telegram"])
@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"ok"', b"\xff\xfe", b"{}"[:1]])
async def test_garbage_where_json_should_be_is_tried_again(kind: str, body: bytes, transport: HttpTransport) -> None:
    setup = SETUPS[kind]
    async with setup.server() as receiver:
        receiver.script = [Told(200, body)]
        with pytest.raises(DeliveryRetry):
            await built(setup, receiver.url, transport).send(notification(), thread="")


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        ("ratelimited", DeliveryRetry),
        ("internal_error", DeliveryRetry),
        ("service_unavailable", DeliveryRetry),
        ("channel_not_found", DeliveryRefused),
        ("not_in_channel", DeliveryRefused),
        ("is_archived", DeliveryRefused),
        ("invalid_auth", DeliveryRefused),
        ("token_revoked", DeliveryRefused),
        ("an_error_of_tomorrow", DeliveryRefused),
    ],
)
async def test_slack_is_judged_by_ok_and_not_by_the_status(
    error: str, verdict: type[DeliveryError], transport: HttpTransport
) -> None:
    setup = SETUPS["slack_bot"]
    async with setup.server() as receiver:
        receiver.script = [as_json({"ok": False, "error": error})]
        with pytest.raises(verdict, match=error):
            await built(setup, receiver.url, transport).send(notification(), thread="")


@pytest.mark.parametrize(
    "description",
    ["Bad Request: chat not found", "Bad Request: message thread not found", "Forbidden: bot was kicked"],
)
async def test_telegrams_refusal_is_final_and_says_why(description: str, transport: HttpTransport) -> None:
    setup = SETUPS["telegram"]
    async with setup.server() as receiver:
        receiver.script = [as_json({"ok": False, "error_code": 400, "description": description}, 400)]
        with pytest.raises(DeliveryRefused, match=description):
            await built(setup, receiver.url, transport).send(notification(), thread="")


async def test_telegrams_wait_in_the_body_is_obeyed(transport: HttpTransport) -> None:
    setup = SETUPS["telegram"]
    async with setup.server() as receiver:
        receiver.script = [as_json({"ok": False, "error_code": 429, "parameters": {"retry_after": 23}}, 429)]
        with pytest.raises(DeliveryRetry) as caught:
            await built(setup, receiver.url, transport).send(notification(), thread="")
    assert caught.value.after == 23


@pytest.mark.parametrize("kind", SETUPS)
async def test_a_check_rings_nobody(kind: str, transport: HttpTransport) -> None:
    setup = SETUPS[kind]
    async with setup.server() as receiver:
        sentence = await built(setup, receiver.url, transport).check()
        assert not receiver.taken
    assert sentence
    assert setup.secret not in sentence
