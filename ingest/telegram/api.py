"""The Bot API, asked politely: its refusals become orders."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from domain.errors import RetryLater, SourceMisconfigured, SourceStopped
from domain.ids import stable_id
from domain.transport import Reply
from ingest.addresses import site
from ingest.http import PoliteClient
from ingest.markup import clean
from ingest.telegram.config import Config
from ingest.telegram.loose import read_json
from ingest.telegram.parse import ALLOWED, User
from ingest.waiting import asked_wait

MOST_UPDATES = 100

HOOKED = (
    'a webhook is set for this bot, and Telegram sends its updates there only: listen with via = "webhook", or '
    "delete it (deleteWebhook), or make a bot of its own for listening"
)

_UNAUTHORIZED, _NOT_FOUND, _CONFLICT, _BUSY, _BAD, _FORBIDDEN = 401, 404, 409, 429, 400, 403
_THEIRS = (_BAD, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _CONFLICT, _BUSY)
"""Statuses that Telegram explains in its own words."""
_SPARE_SECONDS = 15.0
_LONGEST_WORD = 200


class Refusal(Exception):
    """Telegram refuses what was asked about a chat; `moved_to` is its new id, where it became a supergroup."""

    def __init__(self, why: str, *, moved_to: int | None = None) -> None:
        super().__init__(why)
        self.moved_to = moved_to


class BotApi:
    """One bot, asked with its token."""

    def __init__(self, config: Config, *, client: PoliteClient, clock: Callable[[], datetime]) -> None:
        self._token = config.token.get_secret_value() if config.token else ""
        self._client, self._clock = client, clock
        self._base = f"{config.api}/bot{self._token}"
        self._site = site(config.api)
        self._key = stable_id("telegram", self._token)
        self._not_before: datetime | None = None
        client.limit(self._key, requests=config.rate, seconds=60)

    async def me(self) -> dict[str, Any]:
        """Who the bot is, and what it may hear."""
        try:
            return _object(await self._ask("getMe", {}), self._site)
        except Refusal as refusal:
            raise SourceStopped(f"Telegram does not say who this bot is: {refusal}") from None

    async def updates(self, *, offset: int | None, limit: int, seconds: int) -> list[Any]:
        """What happened from `offset` on, which confirms what was before; waits `seconds` for something to happen."""
        asked: dict[str, str | int] = {"limit": limit, "timeout": seconds, "allowed_updates": json.dumps(ALLOWED)}
        if offset is not None:
            asked["offset"] = offset
        try:
            found = await self._ask("getUpdates", asked, seconds=seconds + _SPARE_SECONDS, apart=True)
        except Refusal as refusal:
            raise SourceMisconfigured(f"Telegram does not take our question for updates: {refusal}") from None
        if not isinstance(found, list):
            raise _strange(self._site)
        return found

    async def webhook(self) -> dict[str, Any]:
        """How the bot's webhook stands; its `url` is empty when there is none."""
        try:
            return _object(await self._ask("getWebhookInfo", {}), self._site)
        except Refusal as refusal:
            raise SourceStopped(f"Telegram does not tell about the bot's webhook: {refusal}") from None

    async def set_webhook(self, url: str, secret: str) -> None:
        """Have updates sent to `url`; raises SourceMisconfigured for an address that Telegram does not take."""
        body = msgspec.json.encode({"url": url, "secret_token": secret, "allowed_updates": ALLOWED})
        try:
            await self._ask("setWebhook", body)
        except Refusal as refusal:
            raise SourceMisconfigured(f"Telegram does not take `public_url`: {refusal}") from None

    async def chat(self, chat: int | str) -> dict[str, Any]:
        """What Telegram tells about a chat; raises Refusal."""
        return _object(await self._ask("getChat", {"chat_id": _addressed(chat)}), self._site)

    async def members(self, chat: int) -> int:
        """How many are in a chat; raises Refusal."""
        found = await self._ask("getChatMemberCount", {"chat_id": chat})
        if not isinstance(found, int):
            raise _strange(self._site)
        return found

    async def _ask(
        self,
        method: str,
        asked: Mapping[str, str | int] | bytes,
        *,
        seconds: float = 20.0,
        apart: bool = False,
    ) -> Any:
        self._refuse_while_waiting()
        url = f"{self._base}/{method}"
        if isinstance(asked, bytes):
            reply: Reply = await self._client.request(
                "POST",
                url,
                headers={"content-type": "application/json"},
                content=asked,
                limiter_key=self._key,
                accept_status=_THEIRS,
            )
        else:
            reply = await self._client.get(
                url, params=asked, limiter_key=self._key, accept_status=_THEIRS, timeout=seconds, apart=apart
            )
        answer = self._answer(reply)
        if answer.get("ok") is True:
            return answer.get("result")
        raise self._order(answer, reply)

    def _answer(self, reply: Reply) -> dict[str, Any]:
        try:
            found = read_json(reply.body)
        except ValueError:
            found = None
        if isinstance(found, dict) and isinstance(found.get("ok"), bool):
            return found
        if reply.status in {_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _BUSY}:
            return {"ok": False, "error_code": reply.status}
        raise _strange(self._site)

    def _order(self, answer: dict[str, Any], reply: Reply) -> Exception:
        """What to do about a refusal."""
        code = answer.get("error_code", reply.status)
        why = self._words(answer.get("description"))
        parameters = answer.get("parameters")
        told = parameters if isinstance(parameters, dict) else {}
        if code == _BUSY:
            return self._wait(told.get("retry_after") or asked_wait(reply.headers, self._clock()))
        if code == _UNAUTHORIZED:
            return SourceStopped(
                "Telegram does not know the bot's token any more: get a new one from @BotFather (/token) and put it "
                "into `token`"
            )
        if code == _NOT_FOUND:
            return SourceMisconfigured(
                f"{self._site} knows no such bot: `token` looks like 123456:ABC..., `api` like https://api.telegram.org"
            )
        if code == _CONFLICT:
            return SourceStopped(_rival(why))
        if code in {_BAD, _FORBIDDEN}:
            moved = told.get("migrate_to_chat_id")
            return Refusal(why, moved_to=moved if isinstance(moved, int) else None)
        return RetryLater(f"Telegram fails for now ({why})")

    def _wait(self, asked: Any) -> RetryLater:
        after = float(asked) if isinstance(asked, int | float) and not isinstance(asked, bool) and asked > 0 else None
        if after is not None:
            self._not_before = self._clock() + timedelta(seconds=after)
        return RetryLater("Telegram asks us to come back later", after=after)

    def _refuse_while_waiting(self) -> None:
        if self._not_before is None:
            return
        left = (self._not_before - self._clock()).total_seconds()
        if left > 0:
            raise RetryLater(f"Telegram asked us to wait; {left:.0f} s are left", after=left)
        self._not_before = None

    def _words(self, description: Any) -> str:
        """Telegram's own sentence, without the token should it ever hold it."""
        text = clean(description) if isinstance(description, str) else "no reason given"
        return " ".join(text.replace(self._token, "***").split())[:_LONGEST_WORD]


def bot_of(me: dict[str, Any]) -> User:
    """Read who the bot is; raises RetryLater for something else."""
    try:
        return msgspec.convert(me, User)
    except msgspec.ValidationError:
        raise RetryLater("Telegram describes the bot in a way that is not its own format") from None


def _rival(why: str) -> str:
    """Say who else takes the bot's updates; Telegram gives them to one only."""
    if "webhook" in why.lower():
        return HOOKED
    return (
        "another program asks for this bot's updates (getUpdates), and Telegram gives them to one only: stop it, "
        "or make a bot of its own for listening"
    )


def _addressed(chat: int | str) -> int | str:
    return chat if isinstance(chat, int) else f"@{chat}"


def _object(found: Any, where: str) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise _strange(where)
    return found


def _strange(where: str) -> RetryLater:
    return RetryLater(f"{where} answers something that is not the Bot API's format")
