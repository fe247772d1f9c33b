"""Odnoklassniki on this machine: signed calls to one address, opaque anchors, errors that come with HTTP 200."""

import base64
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

from tests.kit.scripted_http import Asked, ScriptedServer, Told, scripted_server

MOSCOW = timezone(timedelta(hours=3))
GROUP = "57000000000001"
MOST = 100


def error(number: int, sentence: str = "") -> Told:
    """An error in the network's shape."""
    told = {"error_code": number, "error_msg": sentence or f"error {number}", "error_data": None}
    return Told(200, json.dumps(told).encode(), {"content-type": "application/json;charset=utf-8"})


class Network:
    """`token`, `key` and `secret` (of the session) are what a caller must know.

    `denied` are groups that are not ours to read, `stale` is how many of the next anchors are too old. `between` is
    called before every page but the first, as others write while somebody reads. `size` is the most a page holds.
    """

    def __init__(self, server: ScriptedServer, *, token: str, key: str = "CAPPKEY", secret: str = "") -> None:
        self.server, self.token, self.key, self.secret = server, token, key, secret
        self.groups: dict[str, dict[str, Any]] = {GROUP: {"name": "Aurora Air", "members_count": 4_200}}
        self.topics: dict[str, list[dict[str, Any]]] = {GROUP: []}
        self.talks: dict[str, list[dict[str, Any]]] = {}
        self.active: dict[str, str] = {}
        self.denied: set[str] = set()
        self.own, self.stale, self.size = True, 0, MOST
        self.between: Callable[[], None] = lambda: None
        self._number = 1_000
        server.answers["/fb.do"] = self._answer

    def topic(self, at: datetime, text: str, *, group: str = GROUP, **other: Any) -> str:
        """Add a topic; return its number."""
        number = self._next()
        self.topics[group].append({
            "id": number, "created_ms": int(at.timestamp() * 1_000), "author_ref": f"group:{group}",
            "discussion_summary": {"discussion_id": number, "discussion_type": "GROUP_TOPIC", "comments_count": 0},
            "like_summary": {"count": 3}, "reshare_summary": {"count": 1}, "media": [{"type": "text", "text": text}],
            **other,
        })  # fmt: skip
        self.talks[number] = []
        return number

    def comment(self, topic: str, at: datetime, text: str, **other: Any) -> str:
        """Add a comment; return its id. Times are those of Moscow."""
        number = f"MTIz{self._next()}:-1"
        moscow = at.astimezone(MOSCOW).strftime("%Y-%m-%d %H:%M:%S")
        self.talks.setdefault(topic, []).append({
            "id": number, "text": text, "date": moscow, "author_id": "5500", "author_name": "Ада", "like_count": 2,
            **other,
        })  # fmt: skip
        self.active[topic] = f"{moscow} {number}"
        return number

    def delete(self, native_id: str) -> None:
        """Take a topic or a comment away."""
        group, _, topic, *comment = native_id.split("/", 3)
        if comment:
            self.talks[topic] = [one for one in self.talks[topic] if one["id"] != comment[0]]
        else:
            self.topics[group] = [one for one in self.topics[group] if one["id"] != topic]
            self.talks.pop(topic, None)

    def edit(self, native_id: str, text: str) -> None:
        """Change the words of a topic or a comment."""
        group, _, topic, *comment = native_id.split("/", 3)
        if comment:
            next(one for one in self.talks[topic] if one["id"] == comment[0])["text"] = text
        else:
            next(one for one in self.topics[group] if one["id"] == topic)["media"][0]["text"] = text

    def _answer(self, asked: Asked) -> Told:
        if found := self._refusal(asked.query):
            return found
        methods: dict[str, Callable[[dict[str, str]], Told]] = {
            "mediatopic.getTopics": self._topics,
            "discussions.getComments": self._comments,
            "discussions.getList": self._list,
            "group.getInfo": self._info,
        }
        method = methods.get(asked.query.get("method", ""))
        return method(asked.query) if method else error(3, "METHOD")

    def _refusal(self, query: dict[str, str]) -> Told | None:
        if query.get("application_key") != self.key:
            return error(101, "PARAM_API_KEY")
        if query.get("access_token") != self.token:
            return error(102, "PARAM_SESSION_EXPIRED")
        signed = sorted((name, told) for name, told in query.items() if name not in {"sig", "access_token"})
        expected = "".join(f"{name}={told}" for name, told in signed) + self.secret
        if query.get("sig") != hashlib.md5(expected.encode()).hexdigest():  # noqa: S324  # the network's own way
            return error(104, "PARAM_SIGNATURE")
        return None

    def _topics(self, query: dict[str, str]) -> Told:
        group = query["gid"]
        if group in self.denied:
            return error(10, "PERMISSION_DENIED")
        if group not in self.topics or int(query["count"]) > MOST:
            return error(100, "PARAM")
        if "anchor" in query:
            self.between()
        found = sorted(self.topics[group], key=lambda one: (not one.get("pinned"), _number(one)))
        found = [
            {**one, "discussion_summary": {**one["discussion_summary"], "comments_count": self._count(one["id"])}}
            if isinstance(one.get("discussion_summary"), dict) else one
            for one in found
        ]  # fmt: skip
        return self._page(query, "media_topics", found)

    def _comments(self, query: dict[str, str]) -> Told:
        if query["discussionId"] not in self.talks or query["direction"] != "BACKWARD":
            return error(100, "PARAM")
        if "anchor" in query:
            self.between()
        found = sorted(self.talks[query["discussionId"]], key=lambda one: str(one["date"]), reverse=True)
        return self._page(query, "comments", found)

    def _list(self, query: dict[str, str]) -> Told:
        if query["category"] != "GROUP":
            return error(100, "PARAM")
        found = [
            {
                "object_id": topic, "object_type": "GROUP_TOPIC", "comments_count": self._count(topic),
                "last_activity_date": self.active[topic], "ref_objects": [{"type": "GROUP", "id": GROUP}],
            }
            for topic in sorted(self.active, key=lambda one: self.active[one], reverse=True) if topic in self.talks
        ]  # fmt: skip
        return self._page(query, "discussions", found if self.own else [])

    def _info(self, query: dict[str, str]) -> Told:
        found = [{"uid": one, **self.groups[one]} for one in query["uids"].split(",") if one in self.groups]
        return Told(body=json.dumps(found).encode())

    def _page(self, query: dict[str, str], name: str, found: list[dict[str, Any]]) -> Told:
        start = 0
        if "anchor" in query:
            if self.stale:
                self.stale -= 1
                return error(100, "PARAM: anchor")
            last = base64.b64decode(query["anchor"]).decode()
            ids = [str(one.get("id")) for one in found]
            if last not in ids:
                return error(100, "PARAM: anchor")
            start = ids.index(last) + 1
        some = found[start : start + min(int(query["count"]), self.size)]
        anchor = base64.b64encode(str(some[-1].get("id")).encode()).decode() if some else None
        more = start + len(some) < len(found)
        return Told(body=json.dumps({name: some, "anchor": anchor, "has_more": more, "entities": {}}).encode())

    def _count(self, topic: str) -> int:
        return len(self.talks.get(topic, []))

    def _next(self) -> str:
        self._number += 1
        return str(self._number)


def _number(topic: dict[str, Any]) -> int:
    """Newest first; one whose time cannot be read stands in the middle of the day."""
    at = topic.get("created_ms")
    return -at if isinstance(at, int) else -1_795_160_000_000


@asynccontextmanager
async def network(*, token: str, **other: str) -> AsyncIterator[Network]:
    """Serve until the block ends."""
    async with scripted_server() as server:
        yield Network(server, token=token, **other)
