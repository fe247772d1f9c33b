"""Local Slack-like, Telegram-like, webhook and mail servers: they behave like the real ones until told otherwise."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.kit.scripted_http import Asked, ScriptedServer, Told, scripted_server

SLACK_TOKEN = "xoxb-test"
TELEGRAM_TOKEN = "1:test"
JSON = {"content-type": "application/json"}


def as_json(told: object, status: int = 200, **headers: str) -> Told:
    """An answer in JSON."""
    return Told(status, json.dumps(told).encode(), {**JSON, **headers})


@dataclass
class Receiver:
    """`script` is answered first, in order; then the receiver behaves. `taken` are the messages it took."""

    server: ScriptedServer
    behave: Callable[["Receiver", Asked], Told]
    script: list[Told] = field(default_factory=list)
    taken: list[dict[str, Any]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where it listens."""
        return self.server.url

    @property
    def asked(self) -> list[Asked]:
        """Every request, taken or not."""
        return self.server.asked

    def answer(self, asked: Asked) -> Told:
        """Say what the script says next, else behave."""
        return self.script.pop(0) if self.script else self.behave(self, asked)


@asynccontextmanager
async def _receiver(behave: Callable[[Receiver, Asked], Told]) -> AsyncIterator[Receiver]:
    async with scripted_server() as server:
        receiver = Receiver(server, behave)
        server.override = receiver.answer
        yield receiver


def slack_like() -> AbstractAsyncContextManager[Receiver]:
    """`/api/chat.postMessage`, `/api/auth.test` and an incoming webhook at `/services/T/B/X`."""

    def behave(receiver: Receiver, asked: Asked) -> Told:
        if asked.path == "/services/T/B/X":
            receiver.taken.append(json.loads(asked.body))
            return Told(200, b"ok")
        if asked.headers.get("authorization") != f"Bearer {SLACK_TOKEN}":
            return as_json({"ok": False, "error": "invalid_auth"})
        if asked.path == "/api/auth.test":
            return as_json({"ok": True, "user": "tocsin", "team": "Aurora"})
        receiver.taken.append(json.loads(asked.body))
        return as_json({"ok": True, "channel": "C1", "ts": f"{len(receiver.taken)}.000100"})

    return _receiver(behave)


def telegram_like() -> AbstractAsyncContextManager[Receiver]:
    """The three methods of the Bot API that are used."""

    def behave(receiver: Receiver, asked: Asked) -> Told:
        method = asked.path.removeprefix(f"/bot{TELEGRAM_TOKEN}/")
        if method == asked.path:
            return as_json({"ok": False, "error_code": 401, "description": "Unauthorized"}, 401)
        if method == "getMe":
            return as_json({"ok": True, "result": {"username": "tocsin_bot"}})
        if method == "getChat":
            return as_json({"ok": True, "result": {"title": "Duty"}})
        body = json.loads(asked.body)
        receiver.taken.append(body)
        result = {"message_id": len(receiver.taken), "chat": {"id": body["chat_id"]}}
        return as_json({"ok": True, "result": result})

    return _receiver(behave)


def webhook_like() -> AbstractAsyncContextManager[Receiver]:
    """An endpoint that takes everything."""

    def behave(receiver: Receiver, asked: Asked) -> Told:
        receiver.taken.append(json.loads(asked.body))
        return Told(204)

    return _receiver(behave)


@dataclass
class MailLike:
    """A mail server. `refuse` maps an addressee, or a command, to the answer it gets."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)

    async def handle_RCPT(  # noqa: N802  # aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take an addressee or refuse it."""
        del server, session, options
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd's name
        """Take a mail or refuse it."""
        del server, session
        if "DATA" in self.refuse:
            return self.refuse["DATA"]
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        self.mails.append(message_from_bytes(content, policy=policy.default))
        return "250 OK"


@asynccontextmanager
async def mail_like() -> AsyncIterator[MailLike]:
    """Serve SMTP on a free port."""
    handler = MailLike()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(handler, hostname="mail.example", loop=loop), "127.0.0.1", 0)
    handler.port = server.sockets[0].getsockname()[1]
    try:
        yield handler
    finally:
        server.close()
        await server.wait_closed()
