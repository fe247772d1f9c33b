"""Writes to a Telegram chat. The handle of a message is `chat:message_id`."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from alerting.message import compose
from alerting.notifiers.telegram.config import Config
from alerting.notifiers.verdict import judge, post
from domain.errors import DeliveryRefused, DeliveryRetry
from domain.incident import Notification
from domain.transport import Reply, Transport

ROOM = 3900
"""Characters; Telegram takes 4096 after reading the tags, counted in UTF-16."""
BAD_REQUEST = 400
TOO_MANY = 429


def build(config: Config, *, transport: Transport, clock: Callable[[], datetime]) -> "Telegram":
    """The chat as configured."""
    return Telegram(config, transport=transport, clock=clock)


class Telegram:
    """One chat. A group that became a supergroup is followed to its new id."""

    def __init__(self, config: Config, *, transport: Transport, clock: Callable[[], datetime]) -> None:
        self.name = config.name
        self._config, self._transport, self._clock = config, transport, clock
        self._chat = config.chat

    async def send(self, notification: Notification, *, thread: str) -> str:
        """Write; as a reply where the incident has a first message. Formatting that is refused is left out."""
        message = compose(notification, language=self._config.language, timezone=self._config.timezone, room=ROOM)
        formatted = {"text": message.form, "parse_mode": "HTML"}
        answer = await self._try(formatted, thread)
        if _says(answer, "can't parse entities", "entity", "message is too long"):
            answer = await self._try({"text": _cut(message.plain)}, thread)
        result = _result(answer)
        chat = result.get("chat", {})
        return (
            f"{chat.get('id', self._chat) if isinstance(chat, dict) else self._chat}:{result.get('message_id', '')}"
        )

    async def check(self) -> str:
        """Ask who the bot is and whether it sees the chat."""
        bot = _result(await self._call("getMe", {}))
        chat = _result(await self._call("getChat", {"chat_id": self._chat}))
        return f"bot @{bot.get('username', '?')}, chat {chat.get('title') or chat.get('username') or self._chat}"

    async def _try(self, written: dict[str, Any], thread: str) -> dict[str, Any]:
        answer = await self._call("sendMessage", self._asked(written, thread))
        moved = _parameter(answer, "migrate_to_chat_id")
        if moved is not None:
            self._chat = int(moved)
            answer = await self._call("sendMessage", self._asked(written, thread))
        return answer

    def _asked(self, written: dict[str, Any], thread: str) -> dict[str, Any]:
        asked: dict[str, Any] = {"chat_id": self._chat, "link_preview_options": {"is_disabled": True}, **written}
        if self._config.topic is not None:
            asked["message_thread_id"] = self._config.topic
        chat, _, first = thread.rpartition(":")
        if first.isdecimal() and chat == str(self._chat):
            asked["reply_parameters"] = {"message_id": int(first), "allow_sending_without_reply": True}
        return asked

    async def _call(self, method: str, asked: dict[str, Any]) -> dict[str, Any]:
        """Return the answer if Telegram took it or refused its content; raise for everything else."""
        url = f"{self._config.api.rstrip('/')}/bot{self._config.token.get_secret_value()}/{method}"
        content = json.dumps(asked, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json"}
        reply = await post(self._transport, url, headers=headers, content=content, who="Telegram")
        answer = _read(reply)
        if reply.status == TOO_MANY and (wait := _parameter(answer, "retry_after")) is not None:
            raise DeliveryRetry("Telegram asks to wait", after=wait)
        if reply.status != BAD_REQUEST:
            judge(reply, who="Telegram", now=self._clock())
            if answer.get("ok") is not True:
                raise DeliveryRetry("Telegram answered with something that is not its JSON")
        return answer


def _read(reply: Reply) -> dict[str, Any]:
    try:
        answer = json.loads(reply.body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _parameter(answer: dict[str, Any], name: str) -> float | None:
    parameters = answer.get("parameters")
    found = parameters.get(name) if isinstance(parameters, dict) else None
    return found if isinstance(found, int | float) and not isinstance(found, bool) else None


def _says(answer: dict[str, Any], *words: str) -> bool:
    description = str(answer.get("description", "")).lower()
    return answer.get("ok") is not True and any(word in description for word in words)


def _result(answer: dict[str, Any]) -> dict[str, Any]:
    if answer.get("ok") is not True:
        description = str(answer.get("description", "bad request"))[:200]
        raise DeliveryRefused(f"Telegram answered: {description}")
    result = answer.get("result")
    return result if isinstance(result, dict) else {}


def _cut(text: str) -> str:
    """At most 4096 UTF-16 units."""
    while len(text.encode("utf-16-le")) // 2 > 4096:  # noqa: PLR2004  # the network's own limit
        text = text[: len(text) - max((len(text.encode("utf-16-le")) // 2 - 4096) // 2, 1)]
    return text
