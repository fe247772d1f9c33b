"""A scripted WebSub hub: takes subscriptions, asks the subscriber whether it asked, and sends the news, signed.

It is as strict as the W3C's recommendation: the form of the request, one subscription for each topic and callback, a
lease that ends, deliveries with `Link` headers.
"""

import asyncio
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit
from xml.sax.saxutils import escape

from tests.kit.scripted_http import Asked, ScriptedServer, Told


class Door(Protocol):
    """What stands behind the callback's address."""

    def challenge(self, query: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
        """Answer a GET."""
        ...

    async def receive(self, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Answer a POST."""
        ...


@dataclass
class Subscriber:
    """Who is told of a topic. `confirmed` once the challenge came back."""

    topic: str
    callback: str
    secret: str
    lease: int
    confirmed: bool = False


@dataclass
class Hub:
    """`verifies` is whether it asks back, `denies` why it refuses, `lease` what it grants whatever is asked."""

    server: ScriptedServer
    path: str = "/hub"
    method: str = "sha256"
    lease: int | None = None
    verifies: bool = True
    denies: str = ""
    status: int = 202
    door: Door | None = None
    asked: list[dict[str, str]] = field(default_factory=list)
    subscribers: dict[tuple[str, str], Subscriber] = field(default_factory=dict)
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.server.answers[self.path] = self._subscribe

    @property
    def url(self) -> str:
        """Where it is."""
        return self.server.at(self.path)

    def _subscribe(self, asked: Asked) -> Told:
        form = dict(parse_qsl(asked.body.decode()))
        self.asked.append(form)
        assert asked.method == "POST"
        assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
        assert form["hub.mode"] == "subscribe"
        assert 0 < len(form["hub.secret"]) < 200
        if self.status != 202:
            return Told(self.status)
        wanted = Subscriber(
            form["hub.topic"], form["hub.callback"], form["hub.secret"], self.lease or int(form["hub.lease_seconds"])
        )
        self.subscribers[wanted.topic, wanted.callback] = wanted
        if self.denies:
            self.deny(wanted, self.denies)
        elif self.verifies:
            self.verify(wanted)
        return Told(202)

    def verify(self, wanted: Subscriber) -> None:
        """Ask back, as a GET at the callback does."""
        told = {
            "hub.mode": "subscribe", "hub.topic": wanted.topic, "hub.challenge": "ch4ll<enge>",
            "hub.lease_seconds": str(wanted.lease),
        }  # fmt: skip
        status, headers, body = self._get(wanted.callback, told)
        wanted.confirmed = (status, body) == (200, b"ch4ll<enge>") and headers["content-type"].startswith(
            "text/plain"
        )

    def deny(self, wanted: Subscriber, reason: str) -> None:
        """Say that a subscription will not be, or is no more."""
        told = {"hub.mode": "denied", "hub.topic": wanted.topic, "hub.reason": reason}
        assert self._get(wanted.callback, told)[0] == 200
        wanted.confirmed = False

    def publish(
        self, topic: str, feed: bytes, *, content_type: str = "application/rss+xml", secret: str = ""
    ) -> None:
        """Tell everyone who asked."""
        for one in self.subscribers.values():
            if one.confirmed and one.topic == topic:
                self.tasks.add(asyncio.ensure_future(self.deliver(one, feed, content_type, secret or one.secret)))

    async def deliver(self, one: Subscriber, feed: bytes, content_type: str, secret: str) -> None:
        """Send one delivery, and again while the answer is not 2xx."""
        assert self.door is not None
        digest = hmac.new(secret.encode(), feed, self.method).hexdigest()
        headers = {
            "Content-Type": content_type, "X-Hub-Signature": f"{self.method}={digest}",
            "Link": f'<{self.url}>; rel="hub", <{one.topic}>; rel="self"',
        }  # fmt: skip
        for _ in range(3):
            answer = await self.door.receive(headers, feed)
            self.answers.append(answer)
            if 200 <= answer[0] < 300:
                return

    def _get(self, callback: str, told: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        assert self.door is not None
        return self.door.challenge({**dict(parse_qsl(urlsplit(callback).query)), **told})

    async def aclose(self) -> None:
        """Stop delivering."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


def links(*, hub: str, topic: str) -> str:
    """What a feed says of its hub, as XML for the channel of RSS."""
    name = "http://www.w3.org/2005/Atom"
    return "".join(
        f'<a:link xmlns:a="{name}" rel="{rel}" href="{escape(at)}"/>' for rel, at in (("hub", hub), ("self", topic))
    )
