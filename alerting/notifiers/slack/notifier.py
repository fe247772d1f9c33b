"""Posts to Slack. The bot's answer is judged by `ok`, not by the status; its handle is `channel:ts`."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from alerting.message import Message, compose
from alerting.message.dialects import mrkdwn
from alerting.notifiers.slack.config import Config
from alerting.notifiers.verdict import judge, post
from domain.errors import DeliveryRefused, DeliveryRetry
from domain.incident import Notification
from domain.transport import Reply, Transport

SECTION = 2900
LATER = frozenset({
    "ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout",
    "team_added_to_org", "accesslimited",
})  # fmt: skip
MALFORMED = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_too_long", "msg_blocks_too_long"})
RINGS_IN_CHANNEL = frozenset({"escalated", "resolved"})


def build(config: Config, *, transport: Transport, clock: Callable[[], datetime]) -> "Slack":
    """The channel as configured."""
    return Slack(config, transport=transport, clock=clock)


class Slack:
    """One channel, by bot or by incoming webhook."""

    def __init__(self, config: Config, *, transport: Transport, clock: Callable[[], datetime]) -> None:
        self.name = config.name
        self._config, self._transport, self._clock = config, transport, clock

    async def send(self, notification: Notification, *, thread: str) -> str:
        """Post; what follows an incident's first message goes into its thread."""
        message = compose(notification, language=self._config.language, timezone=self._config.timezone)
        if self._config.webhook_url is not None:
            await self._to_webhook(message)
            return ""
        asked: dict[str, Any] = {"channel": self._config.channel, **_content(message)}
        channel, colon, ts = thread.rpartition(":")
        if colon:
            asked |= {"channel": channel, "thread_ts": ts, "reply_broadcast": notification.kind in RINGS_IN_CHANNEL}
        answer = await self._call("chat.postMessage", asked)
        if answer.get("error") in MALFORMED:
            answer = await self._call("chat.postMessage", _without_blocks(asked, message))
        _judge(answer)
        return f"{answer.get('channel') or self._config.channel}:{answer.get('ts', '')}"

    async def check(self) -> str:
        """Ask Slack who the bot is; a webhook cannot be asked anything without ringing."""
        if self._config.webhook_url is not None:
            return "incoming webhook is configured; only a message would show whether it works"
        answer = await self._call("auth.test", {})
        _judge(answer)
        return f"bot {answer.get('user', '?')} of {answer.get('team', '?')}, channel {self._config.channel}"

    async def _to_webhook(self, message: Message) -> None:
        url = self._config.webhook_url.get_secret_value() if self._config.webhook_url else ""
        reply = await self._post(url, _content(message), {})
        if reply.status == 400:  # noqa: PLR2004  # "invalid_blocks" and the like: the words still arrive
            reply = await self._post(url, {"text": message.plain}, {})
        judge(reply, who="the Slack webhook", now=self._clock())

    async def _call(self, method: str, asked: dict[str, Any]) -> dict[str, Any]:
        token = self._config.token.get_secret_value() if self._config.token else ""
        reply = await self._post(
            f"{self._config.api.rstrip('/')}/{method}", asked, {"Authorization": f"Bearer {token}"}
        )
        judge(reply, who="Slack", now=self._clock())
        try:
            answer = json.loads(reply.body)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise DeliveryRetry("Slack answered with something that is not its JSON")
        return answer

    async def _post(self, url: str, asked: dict[str, Any], headers: dict[str, str]) -> Reply:
        content = json.dumps(asked, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json; charset=utf-8", **headers}
        return await post(self._transport, url, headers=headers, content=content, who="Slack")


def _content(message: Message) -> dict[str, Any]:
    return {
        "text": mrkdwn(message.form).partition("\n\n")[0],
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": part}} for part in _sections(mrkdwn(message.form))
        ],
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _without_blocks(asked: dict[str, Any], message: Message) -> dict[str, Any]:
    return {**{key: value for key, value in asked.items() if key != "blocks"}, "text": mrkdwn(message.form)}


def _sections(text: str) -> list[str]:
    """Cut at line ends into parts that fit a section."""
    sections = [""]
    for line in text.split("\n"):
        if len(sections[-1]) + len(line) + 1 > SECTION and sections[-1]:
            sections.append("")
        sections[-1] += f"{line[:SECTION]}\n"
    return [section.strip("\n") for section in sections if section.strip()]


def _judge(answer: dict[str, Any]) -> None:
    if answer.get("ok") is True:
        return
    error = str(answer.get("error", "unknown_error"))[:80]
    if error in LATER:
        raise DeliveryRetry(f"Slack answered {error}")
    raise DeliveryRefused(f"Slack answered {error}: {_REMEDIES.get(error, 'check token and channel')}")


_REMEDIES = {
    "not_in_channel": "invite the bot to the channel",
    "channel_not_found": "check the channel's name, and invite the bot if it is private",
    "is_archived": "the channel is archived: name another",
    "invalid_auth": "the token is wrong",
    "not_authed": "the token is empty",
    "token_revoked": "the token was revoked: install the app again",
    "token_expired": "the token expired: issue a new one",
    "account_inactive": "the bot was removed: install the app again",
    "missing_scope": "give the app the right chat:write and install it again",
}
