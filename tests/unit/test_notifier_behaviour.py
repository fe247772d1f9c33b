"""What each receiver is sent: threads, fallbacks, signatures, headers."""

import io
import json
import ssl
import sys
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from pydantic import ValidationError
from standardwebhooks.webhooks import Webhook as Verifier

from alerting.notifiers import console, email, slack, telegram, webhook
from domain.errors import DeliveryRefused, DeliveryRetry
from domain.incident import Notification
from ingest.http import HttpTransport
from tests.kit.alerts import MIDNIGHT, incident, notification, spike_alert, witness
from tests.kit.receivers import (
    SLACK_TOKEN,
    TELEGRAM_TOKEN,
    MailLike,
    as_json,
    mail_like,
    slack_like,
    telegram_like,
    webhook_like,
)
from tests.kit.scripted_http import Told

SECRET = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQ="


def clock() -> Any:
    return MIDNIGHT


@pytest.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    transport = HttpTransport(tls=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    yield transport
    await transport.aclose()


def slack_bot(url: str, transport: HttpTransport, **more: Any) -> slack.Slack:
    config = slack.Config(token=SLACK_TOKEN, channel="#duty", api=f"{url}/api", **more)
    return slack.build(config, transport=transport, clock=clock)


def telegram_bot(url: str, transport: HttpTransport, **more: Any) -> telegram.Telegram:
    return telegram.build(
        telegram.Config(token=TELEGRAM_TOKEN, chat=-100, api=url, **more), transport=transport, clock=clock
    )


async def test_slack_keeps_an_incident_in_one_thread(transport: HttpTransport) -> None:
    async with slack_like() as receiver:
        bot = slack_bot(receiver.url, transport)
        thread = await bot.send(notification(), thread="")
        await bot.send(notification("update", number=2), thread=thread)
        await bot.send(notification("escalated", number=3), thread=thread)
    opened, update, escalated = receiver.taken
    assert thread == "C1:1.000100"
    assert opened["channel"] == "#duty"
    assert "thread_ts" not in opened
    assert (update["channel"], update["thread_ts"], update["reply_broadcast"]) == ("C1", "1.000100", False)
    assert escalated["reply_broadcast"] is True
    assert "Aurora Air" in opened["text"]
    assert opened["unfurl_links"] is False


async def test_slack_sections_are_never_too_long(transport: HttpTransport) -> None:
    long = tuple(witness(str(n), text="слово " * 90, url="https://a.example/" + "x" * 900) for n in range(6))
    about = incident(spike_alert("s", MIDNIGHT))
    about = replace(about, evidence=replace(about.evidence, first=long[0], top=long))
    async with slack_like() as receiver:
        await slack_bot(receiver.url, transport).send(notification(about=about), thread="")
    blocks = receiver.taken[0]["blocks"]
    assert 1 <= len(blocks) <= 50
    assert all(len(block["text"]["text"]) <= 3000 for block in blocks)


async def test_slack_gets_plain_words_when_it_refuses_the_blocks(transport: HttpTransport) -> None:
    async with slack_like() as receiver:
        receiver.script = [as_json({"ok": False, "error": "invalid_blocks"})]
        await slack_bot(receiver.url, transport).send(notification(), thread="")
    assert "blocks" not in receiver.taken[0]
    assert "Aurora Air" in receiver.taken[0]["text"]


async def test_a_slack_webhook_gets_the_message_and_has_no_thread(transport: HttpTransport) -> None:
    async with slack_like() as receiver:
        config = slack.Config(webhook_url=f"{receiver.url}/services/T/B/X")
        hook = slack.build(config, transport=transport, clock=clock)
        receiver.script = [Told(400, b"invalid_payload")]
        assert not await hook.send(notification(), thread="")
    assert "blocks" not in receiver.taken[0]


async def test_telegram_replies_to_the_incidents_first_message(transport: HttpTransport) -> None:
    async with telegram_like() as receiver:
        bot = telegram_bot(receiver.url, transport, topic=7)
        thread = await bot.send(notification(), thread="")
        await bot.send(notification("update", number=2), thread=thread)
    first, second = receiver.taken
    assert thread == "-100:1"
    assert first["parse_mode"] == "HTML"
    assert first["message_thread_id"] == 7
    assert "reply_parameters" not in first
    assert second["reply_parameters"] == {"message_id": 1, "allow_sending_without_reply": True}
    assert first["link_preview_options"] == {"is_disabled": True}


async def test_telegram_gets_plain_text_once_when_it_cannot_read_the_tags(transport: HttpTransport) -> None:
    refusal = as_json({"ok": False, "description": "Bad Request: can't parse entities: unclosed tag"}, 400)
    async with telegram_like() as receiver:
        receiver.script = [refusal]
        await telegram_bot(receiver.url, transport).send(notification(), thread="")
        assert "parse_mode" not in receiver.taken[0]
        assert "<b>" not in receiver.taken[0]["text"]
        receiver.script = [refusal, refusal]
        with pytest.raises(DeliveryRefused):
            await telegram_bot(receiver.url, transport).send(notification(), thread="")


async def test_telegram_follows_a_group_that_became_a_supergroup(transport: HttpTransport) -> None:
    moved = {"ok": False, "description": "group chat was upgraded", "parameters": {"migrate_to_chat_id": -1007}}
    async with telegram_like() as receiver:
        receiver.script = [as_json(moved, 400)]
        bot = telegram_bot(receiver.url, transport)
        assert await bot.send(notification(), thread="") == "-1007:1"
        assert await bot.send(notification("update", number=2), thread="-100:5") == "-1007:2"
    assert [body["chat_id"] for body in receiver.taken] == [-1007, -1007]
    assert "reply_parameters" not in receiver.taken[1]


async def test_telegram_text_fits_however_long_the_posts_are(transport: HttpTransport) -> None:
    long = tuple(witness(str(n), text="😡" * 500, author="ж" * 400) for n in range(6))
    about = incident(spike_alert("s", MIDNIGHT))
    about = replace(about, evidence=replace(about.evidence, first=long[0], top=long))
    async with telegram_like() as receiver:
        await telegram_bot(receiver.url, transport).send(notification(about=about), thread="")
    assert len(receiver.taken[0]["text"]) <= 4096


async def test_a_webhook_is_signed_and_keeps_its_id_when_sent_again(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = notification()
    async with webhook_like() as receiver:
        hook = webhook.build(
            webhook.Config(url=f"{receiver.url}/hook", secret=SECRET), transport=transport, clock=clock
        )
        await hook.send(sent, thread="")
        await hook.send(sent, thread="")
    first, second = receiver.asked
    assert first.headers["webhook-id"] == first.headers["idempotency-key"] == second.headers["webhook-id"] == sent.id
    verifier = Verifier(SECRET)
    monkeypatch.setattr(verifier, "_Webhook__verify_timestamp", lambda _: MIDNIGHT)
    assert verifier.verify(first.body, first.headers) == json.loads(first.body)
    assert msgspec.json.decode(first.body, type=Notification) == sent


@pytest.fixture
async def mailbox() -> AsyncIterator[MailLike]:
    async with mail_like() as server:
        yield server


def mailer(server: MailLike, **more: Any) -> email.Email:
    settings: dict[str, Any] = {
        "sender": "Tocsin <tocsin@aurora.example>",
        "to": ["one@aurora.example", "two@aurora.example"],
    }
    config = email.Config(host="127.0.0.1", port=server.port, security="none", **{**settings, **more})
    return email.build(config, transport=None, clock=clock)  # type: ignore[arg-type]  # mail needs no HTTP


async def test_a_mail_has_text_and_html_and_joins_its_thread(mailbox: MailLike) -> None:
    handle = await mailer(mailbox, language="ar").send(notification(), thread="")
    await mailer(mailbox, language="ar").send(notification("update", number=2), thread=handle)
    first, second = mailbox.mails
    assert handle == first["Message-ID"] == "<notification-1@aurora.example>"
    assert second["In-Reply-To"] == second["References"] == handle
    assert first["Auto-Submitted"] == "auto-generated"
    assert first["In-Reply-To"] is None
    text, html = first.iter_parts()
    assert "47" in text.get_content()
    assert 'dir="rtl"' in html.get_content()
    assert "حرج" in first["Subject"]


async def test_a_brand_cannot_add_a_header(mailbox: MailLike) -> None:
    about = replace(incident(), brand="Aurora\r\nBcc: everyone@example.org")
    await mailer(mailbox).send(notification(about=about), thread="<a@b>\r\nX-Evil: yes <c>")
    assert mailbox.mails[0]["Bcc"] is None
    assert mailbox.mails[0]["X-Evil"] is None


@pytest.mark.parametrize(
    ("refuse", "verdict"),
    [
        ({"DATA": "451 try later"}, DeliveryRetry),
        ({"DATA": "554 no"}, DeliveryRefused),
        ({"one@aurora.example": "550 unknown", "two@aurora.example": "550 unknown"}, DeliveryRefused),
        ({"one@aurora.example": "450 busy", "two@aurora.example": "550 unknown"}, DeliveryRetry),
    ],
)
async def test_a_mail_servers_code_is_the_verdict(
    mailbox: MailLike, refuse: dict[str, str], verdict: type[Exception]
) -> None:
    mailbox.refuse = refuse
    with pytest.raises(verdict):
        await mailer(mailbox).send(notification(), thread="")


async def test_a_mail_taken_for_one_addressee_is_taken(mailbox: MailLike) -> None:
    mailbox.refuse = {"one@aurora.example": "550 unknown"}
    await mailer(mailbox).send(notification(), thread="")
    assert len(mailbox.mails) == 1
    assert "2 addressee" in await mailer(mailbox).check()


async def test_a_mail_server_that_is_not_there_is_tried_again() -> None:
    async with mail_like() as gone:
        pass
    with pytest.raises(DeliveryRetry):
        await mailer(gone).send(notification(), thread="")


async def test_the_terminal_prints_plain_text_into_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    terminal = console.build(console.Config(language="cs"), transport=None, clock=clock)  # type: ignore[arg-type]  # a terminal needs no HTTP
    await terminal.send(notification(), thread="")
    assert "KRITICKÉ" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


async def test_the_terminal_frames_the_message_for_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    stream.isatty = lambda: True  # type: ignore[method-assign]  # a pretended terminal
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setenv("TERM", "xterm")
    terminal = console.build(console.Config(stream="stdout"), transport=None, clock=clock)  # type: ignore[arg-type]  # a terminal needs no HTTP
    await terminal.send(notification(), thread="")
    assert "╭" in stream.getvalue()


@pytest.mark.parametrize(
    ("model", "settings", "said"),
    [
        (slack.Config, {}, "either token_env"),
        (slack.Config, {"token": "x"}, "needs a channel"),
        (slack.Config, {"webhook_url": "hooks.slack.com/x"}, "must be an address"),
        (telegram.Config, {"token": "x", "chat": "duty"}, "must be a number"),
        (webhook.Config, {"url": "https://a.example", "secret": "short"}, "base64 of at least 16 bytes"),
        (webhook.Config, {"url": "ftp://hush.example", "secret": SECRET}, "must be an address"),
        (email.Config, {"host": "h", "sender": "nobody", "to": ["a@b.example"]}, "not an e-mail address"),
        (email.Config, {"host": "h", "sender": "a@b.example", "to": ["a@b\r\nBcc: c@d"]}, "not an e-mail address"),
        (
            email.Config,
            {
                "host": "h",
                "sender": "a@b.example",
                "to": "a@b.example",
                "security": "none",
                "username": "u",
                "password": "p",
            },
            "needs an encrypted connection",
        ),
        (console.Config, {"timezone": "Mars/Base"}, "not a known time zone"),
        (console.Config, {"language": "de"}, "ru"),
    ],
)
def test_wrong_settings_are_refused_with_the_remedy(model: Any, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        model(**settings)
    sentences = "; ".join(mistake["msg"] for mistake in caught.value.errors())
    assert said in sentences
    assert "hush" not in sentences
