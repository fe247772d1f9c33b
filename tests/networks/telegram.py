"""A Bot API on this machine that keeps updates, confirms, conflicts and refuses as Telegram's does."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from tests.kit.scripted_http import Asked, ScriptedServer, Told, scripted_server

BOT = {
    "id": 700_001, "is_bot": True, "first_name": "Aurora Air listens", "username": "AuroraAirBot",
    "can_join_groups": True, "can_read_all_group_messages": False, "supports_inline_queries": False,
}  # fmt: skip
CHANNEL: dict[str, Any] = {"id": -1_001_234_567_890, "type": "channel", "title": "City talk", "username": "CityTalk"}
DISCUSSION: dict[str, Any] = {"id": -1_001_700_000_001, "type": "supergroup", "title": "City talk, the chat"}
GROUP: dict[str, Any] = {"id": -1_001_600_000_002, "type": "supergroup", "title": "Flyers", "username": "flyers"}
INNA: dict[str, Any] = {"id": 41, "is_bot": False, "first_name": "Inna", "last_name": "B.", "username": "inna_b"}
PRIVATE: dict[str, Any] = {"id": 41, "type": "private", "first_name": "Inna", "last_name": "B.", "username": "inna_b"}

_KEPT = timedelta(hours=24)
_ONLY_WHEN_NAMED = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
_METHODS = ("getMe", "getUpdates", "getWebhookInfo", "setWebhook", "deleteWebhook", "getChat", "getChatMemberCount")


def said(chat: dict[str, Any], number: int, at: datetime, text: str = "", **other: Any) -> dict[str, Any]:
    """A message in a chat; of a channel by the channel itself, elsewhere by Inna."""
    by = {"sender_chat": chat} if chat["type"] == "channel" else {"from": INNA}
    words = {"text": text} if text else {}
    return {"message_id": number, "date": int(at.timestamp()), "chat": chat, **by, **words, **other}


def forwarded_from(chat: dict[str, Any], number: int, at: datetime) -> dict[str, Any]:
    """The origin of a channel's post that stands elsewhere now."""
    return {"type": "channel", "date": int(at.timestamp()), "chat": chat, "message_id": number}


def mirror(post: dict[str, Any], number: int, group: dict[str, Any]) -> dict[str, Any]:
    """A channel's post as Telegram puts it into the channel's discussion group by itself."""
    origin = {"type": "channel", "date": post["date"], "chat": post["chat"], "message_id": post["message_id"]}
    return {
        "message_id": number, "date": post["date"], "chat": group, "sender_chat": post["chat"], "text": post["text"],
        "is_automatic_forward": True, "forward_origin": origin,
        "from": {"id": 777_000, "is_bot": False, "first_name": "Telegram"},
    }  # fmt: skip


def error(code: int, description: str, **parameters: int) -> Told:
    """A refusal in the Bot API's own shape."""
    body: dict[str, Any] = {"ok": False, "error_code": code, "description": description}
    if parameters:
        body["parameters"] = parameters
    return Told(code, json.dumps(body).encode(), {"content-type": "application/json"})


def result(found: Any) -> Told:
    """An answer in the Bot API's own shape."""
    return Told(200, _ok(found), {"content-type": "application/json"})


@dataclass
class ScriptedTelegram:
    """One bot's Telegram.

    A question stays open for as long as it asks, at most `patience` seconds. `rival` is another program that asks for
    the same bot's updates, `moved` are groups that became supergroups, `linked` leads from a discussion group to its
    channel. `hook` is the address of the webhook, with `hook_secret`.
    """

    server: ScriptedServer
    token: str
    clock: Callable[[], datetime]
    updates: list[tuple[datetime, dict[str, Any]]] = field(default_factory=list)
    chats: dict[int, dict[str, Any]] = field(default_factory=dict)
    members: dict[int, int] = field(default_factory=dict)
    linked: dict[int, int] = field(default_factory=dict)
    moved: dict[int, int] = field(default_factory=dict)
    allowed: list[str] = field(default_factory=list)
    hook: str = ""
    hook_secret: str = ""
    patience: float = 50.0
    rival: bool = False
    revoked: bool = False
    numbers: int = 500
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        for chat in (CHANNEL, DISCUSSION, GROUP, PRIVATE):
            self.chats[chat["id"]] = chat
        self.members |= {CHANNEL["id"]: 5_200, GROUP["id"]: 310, DISCUSSION["id"]: 90}
        self.linked[DISCUSSION["id"]] = CHANNEL["id"]
        for method in _METHODS:
            self.server.answers[f"/bot{self.token}/{method}"] = self._answer

    def happen(self, kind: str, found: dict[str, Any]) -> int:
        """Something happens; return the update's number."""
        self.numbers += 1
        return self.put({"update_id": self.numbers, kind: found})

    def put(self, update: dict[str, Any]) -> int:
        """Keep a whole update, however it looks."""
        self.updates.append((self.clock(), update))
        self._news.set()
        return self.numbers

    def waiting(self) -> list[dict[str, Any]]:
        """What Telegram still has for the bot."""
        since = self.clock() - _KEPT
        self.updates = [(at, update) for at, update in self.updates if at > since]
        return [update for _, update in self.updates if self._is_told(update)]

    def asked_for(self, method: str) -> list[dict[str, Any]]:
        """The parameters of every call of a method."""
        return [parameters for name, parameters in self.asked if name == method]

    def _is_told(self, update: dict[str, Any]) -> bool:
        kinds = set(update) - {"update_id"}
        return kinds <= set(self.allowed) if self.allowed else not kinds & _ONLY_WHEN_NAMED

    def _answer(self, asked: Asked) -> Told:
        method = asked.path.rpartition("/")[2]
        parameters = _parameters(asked)
        self.asked.append((method, parameters))
        if self.revoked:
            return error(401, "Unauthorized")
        if method == "getUpdates":
            return self._get_updates(parameters)
        if method == "getMe":
            return result(BOT)
        if method == "getWebhookInfo":
            return result(
                {"url": self.hook, "has_custom_certificate": False, "pending_update_count": len(self.updates)}
            )
        if method in {"setWebhook", "deleteWebhook"}:
            return self._set_webhook(parameters if method == "setWebhook" else {"url": ""})
        return self._tell_chat(method, parameters)

    def _set_webhook(self, parameters: dict[str, Any]) -> Told:
        url = parameters["url"]
        if url and not url.startswith("https://"):
            return error(400, "Bad Request: bad webhook: An HTTPS URL must be provided for webhook")
        self.hook, self.hook_secret = url, parameters.get("secret_token", "")
        self.allowed = parameters.get("allowed_updates", self.allowed)
        return result(found=True)

    def _get_updates(self, parameters: dict[str, Any]) -> Told:
        if self.hook:
            return error(
                409, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the "
                "webhook first",
            )  # fmt: skip
        if self.rival:
            return error(
                409,
                "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
            )
        self.allowed = parameters.get("allowed_updates", self.allowed)
        offset, limit = parameters.get("offset", 0), min(parameters.get("limit", 100), 100)
        self.updates = [(at, one) for at, one in self.updates if one.get("update_id", offset) >= offset]
        found = self.waiting()[:limit]
        if found or not parameters.get("timeout"):
            return result(found)
        return Told(200, chunks=lambda: self._later(limit, min(parameters["timeout"], self.patience)))

    async def _later(self, limit: int, seconds: float) -> AsyncIterator[bytes]:
        self._news.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), seconds)
        yield _ok(self.waiting()[:limit])

    def _tell_chat(self, method: str, parameters: dict[str, Any]) -> Told:
        wanted = parameters["chat_id"]
        if wanted in self.moved:
            return error(
                400,
                "Bad Request: group chat was upgraded to a supergroup chat",
                migrate_to_chat_id=self.moved[wanted],
            )
        chat = self.chats.get(wanted) or next(
            (one for one in self.chats.values() if f"@{one.get('username', '')}".lower() == str(wanted).lower()), None
        )
        if chat is None:
            return error(400, "Bad Request: chat not found")
        if method == "getChatMemberCount":
            return result(self.members.get(chat["id"], 2))
        link = self.linked.get(chat["id"])
        gifts = dict.fromkeys(
            ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels"), True
        )
        return result({
            **chat, "accent_color_id": 1, "max_reaction_count": 11, "accepted_gift_types": gifts,
            **({"linked_chat_id": link} if link else {}),
        })  # fmt: skip


@asynccontextmanager
async def scripted_telegram(token: str, clock: Callable[[], datetime]) -> AsyncIterator[ScriptedTelegram]:
    """Serve one bot's Telegram until the block ends; other tokens are unknown to it."""
    async with scripted_server() as server:
        yield ScriptedTelegram(server, token, clock)


def _ok(found: Any) -> bytes:
    return json.dumps({"ok": True, "result": found}).encode()


def _parameters(asked: Asked) -> dict[str, Any]:
    """Parameters as the Bot API takes them: in the address, as a form, or as JSON; lists are JSON in themselves."""
    if asked.headers.get("content-type", "").startswith("application/json"):
        found: dict[str, Any] = json.loads(asked.body)
        return found
    form = {name: texts[-1] for name, texts in parse_qs(asked.body.decode()).items()}
    return {name: _value(text) for name, text in (asked.query | form).items()}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
