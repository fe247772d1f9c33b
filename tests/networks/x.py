"""A small X on this machine: recent search, lookups, rules and the filtered stream, and what it bills for them.

It behaves as X's documentation says: each edit has an id of its own, a look-up gives the latest version, pages go on
from a token however much is written meanwhile, everything is billed once a day, errors are problem documents.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.kit.scripted_http import Asked, ScriptedServer, Told
from tests.networks.any_path import AnyPath

EPOCH_MS = 1_288_834_974_657
PROBLEMS = "https://api.twitter.com/2/problems/"
POST, USER, COUNT = 0.005, 0.01, 0.005


def snowflake(at: datetime, sequence: int = 0) -> str:
    """The id of a post written at that moment."""
    return str((int(at.timestamp() * 1_000) - EPOCH_MS << 22) + sequence)


def problem(status: int, slug: str, title: str, detail: str = "", **other: Any) -> Told:
    """An error in X's shape."""
    body = {"title": title, "detail": detail or title, "type": PROBLEMS + slug, "status": status, **other}
    return Told(status, json.dumps(body).encode(), {"content-type": "application/problem+json"})


def bad_parameter(name: str, value: str, message: str) -> Told:
    """A request that X does not understand."""
    errors = [{"parameters": {name: [value]}, "message": message}]
    return problem(400, "invalid-request", "Invalid Request", "One or more parameters was invalid.", errors=errors)


UNAUTHORISED = Told(
    401,
    json.dumps({"title": "Unauthorized", "type": "about:blank", "status": 401, "detail": "Unauthorized"}).encode(),
)
TOO_MANY = problem(
    429,
    "streaming-connection",
    "ConnectionException",
    "This stream is currently at the maximum allowed connection limit.",
    connection_issue="TooManyConnections",
)
DISCONNECT = {
    "errors": [
        {
            "title": "operational-disconnect",
            "disconnect_type": "UpstreamOperationalDisconnect",
            "detail": "This stream has been disconnected upstream for operational reasons.",
            "type": f"{PROBLEMS}operational-disconnect",
        }
    ]
}


@dataclass
class Post:
    """A post with all its versions, the latest last. `odd` is told in its place, whatever it is."""

    versions: list[dict[str, Any]]
    odd: Any = None
    deleted: bool = False

    @property
    def native_id(self) -> str:
        return str(self.versions[0]["id"])

    @property
    def shown(self) -> Any:
        """As the API tells it now."""
        ids = [version["id"] for version in self.versions]
        return {**self.versions[-1], "edit_history_tweet_ids": ids} if self.odd is None else self.odd


@dataclass
class X:
    """`between` is called before every page but the first. `most_connections` may stream at once, `keep_alive` is how
    often they hear a sign of life. `lag` is how many seconds a post takes to be found by search.
    """

    server: ScriptedServer
    clock: Callable[[], datetime]
    token: str
    posts: dict[str, Post] = field(default_factory=dict)
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    rules: dict[str, dict[str, str]] = field(default_factory=dict)
    listeners: list[asyncio.Queue[bytes | None]] = field(default_factory=list)
    most_connections: int = 1
    keep_alive: float = 20.0
    page: int = 100
    lag: float = 0.0
    between: Callable[[], None] = lambda: None
    refuse_users: bool = False
    billed: dict[str, float] = field(default_factory=dict)
    paths: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.server.answers = AnyPath(self._answer)
        self._sequence = 0

    def write(self, text: str, at: datetime | None = None, *, author: str = "7", **other: Any) -> str:
        """Add a post and stream it to those who want it; returns its id."""
        moment = at or self.clock()
        post = Post([self._version(text, moment, author=author, **other)])
        self.posts[post.native_id] = post
        self.tell(post)
        return post.native_id

    def edit(self, native_id: str, text: str) -> None:
        """Add a version."""
        post = self.posts[native_id]
        post.versions.append({**post.versions[-1], **self._version(text, self.clock(), author="")})
        self.tell(post)

    def delete(self, native_id: str) -> None:
        """Take a post away, all versions of it."""
        self.posts[native_id].deleted = True

    def tell(self, post: Post) -> None:
        """Stream a post."""
        tags = [
            {"id": number, "tag": rule.get("tag", "")}
            for number, rule in self.rules.items()
            if _matches(rule["value"], post.shown)
        ]
        if tags and self.listeners:
            self._bill(f"post {post.versions[-1]['id']}", POST)
            self.say(json.dumps({"data": post.shown, "matching_rules": tags}).encode())

    def say(self, line: bytes | dict[str, Any]) -> None:
        """Send a line to everybody who listens."""
        for listener in self.listeners:
            listener.put_nowait((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\r\n")

    def drop(self) -> None:
        """Hang up on everybody, without a word."""
        for listener in self.listeners:
            listener.put_nowait(None)
        self.listeners.clear()

    def spent(self) -> float:
        """Dollars billed so far."""
        return sum(self.billed.values())

    def _version(self, text: str, at: datetime, *, author: str, **other: Any) -> dict[str, Any]:
        self._sequence += 1
        told = {
            "id": snowflake(at, self._sequence),
            "text": text,
            "created_at": at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "lang": "en",
            "public_metrics": {
                "retweet_count": 1, "reply_count": 2, "like_count": 3, "quote_count": 0, "impression_count": 40,
            },
        }  # fmt: skip
        return {**told, **({"author_id": author} if author else {}), **other}

    def _bill(self, what: str, price: float) -> None:
        self.billed[f"{self.clock():%Y-%m-%d} {what}"] = price

    def _answer(self, asked: Asked) -> Told:
        self.paths.append(f"{asked.method} {asked.path}")
        if asked.headers.get("authorization") != f"Bearer {self.token}":
            return UNAUTHORISED
        answers: dict[str, Callable[[Asked], Told]] = {
            "GET /2/tweets/search/recent": self._search,
            "GET /2/tweets/counts/recent": self._count,
            "GET /2/tweets": self._lookup,
            "GET /2/users": self._users,
            "GET /2/tweets/search/stream/rules": self._list_rules,
            "POST /2/tweets/search/stream/rules": self._change_rules,
            "GET /2/tweets/search/stream": self._stream,
        }
        answer = answers.get(f"{asked.method} {asked.path}")
        return answer(asked) if answer else problem(404, "resource-not-found", "Not Found Error")

    def _search(self, asked: Asked) -> Told:
        query, most = asked.query, int(asked.query.get("max_results", "10"))
        week = self.clock() - timedelta(days=7)
        start = datetime.fromisoformat(query["start_time"]) if "start_time" in query else week
        if refused := self._misasked(query, start, week):
            return refused
        token = query.get("next_token", "")
        if token:
            self.between()
        low = int(query.get("since_id", int(snowflake(start)) - 1))
        high = int(token[1:]) if token else int(snowflake(self.clock() - timedelta(seconds=self.lag), 2**22 - 1)) + 1
        found = [post for post in self._latest_first(query["query"]) if low < int(post.versions[-1]["id"]) < high]
        shown, rest = found[: min(most, self.page)], found[min(most, self.page) :]
        meta: dict[str, Any] = {"result_count": len(shown)}
        if shown:
            meta |= {"newest_id": shown[0].versions[-1]["id"], "oldest_id": shown[-1].versions[-1]["id"]}
        if rest:
            meta["next_token"] = f"t{shown[-1].versions[-1]['id']}"
        for post in shown:
            self._bill(f"post {post.versions[-1]['id']}", POST)
        return _told({"data": [post.shown for post in shown], "meta": meta} if shown else {"meta": meta})

    def _misasked(self, query: dict[str, str], start: datetime, week: datetime) -> Told | None:
        """What is wrong with a search, if anything is."""
        since = query.get("since_id", "")
        wrong = {
            "query": len(query["query"]) > 512,
            "max_results": not 10 <= int(query.get("max_results", "10")) <= 100,
            "since_id": bool(since) and ("start_time" in query or int(since) < int(snowflake(week))),
            "start_time": not week <= start <= self.clock() - timedelta(seconds=10),
            "next_token": not query.get("next_token", "t").startswith("t"),
        }
        bad = next((name for name, is_wrong in wrong.items() if is_wrong), "")
        return bad_parameter(bad, query[bad], f"`{bad}` must be another one") if bad else None

    def _latest_first(self, query: str) -> list[Post]:
        alive = [post for post in self.posts.values() if not post.deleted and _matches(query, post.shown)]
        return sorted(alive, key=lambda post: -int(post.versions[-1]["id"]))

    def _count(self, asked: Asked) -> Told:
        total = len(self._latest_first(asked.query["query"]))
        self._bill(f"count {len(self.billed)}", COUNT)
        return _told({"data": [], "meta": {"total_tweet_count": total}})

    def _lookup(self, asked: Asked) -> Told:
        ids = asked.query["ids"].split(",")
        by_version = {version["id"]: post for post in self.posts.values() for version in post.versions}
        found = [by_version[one] for one in ids if one in by_version and not by_version[one].deleted]
        for post in found:
            self._bill(f"post {post.versions[-1]['id']}", POST)
        lost = [one for one in ids if one not in by_version or by_version[one].deleted]
        return _told(_partial([post.shown for post in found], lost, "tweet"))

    def _users(self, asked: Asked) -> Told:
        if self.refuse_users:
            return problem(503, "service-unavailable", "Service Unavailable")
        ids = asked.query["ids"].split(",")
        found = [self.users[one] for one in ids if one in self.users]
        for user in found:
            self._bill(f"user {user['id']}", USER)
        return _told(_partial(found, [one for one in ids if one not in self.users], "user"))

    def _list_rules(self, _: Asked) -> Told:
        rules = [{"id": number, **rule} for number, rule in self.rules.items()]
        meta = {"sent": f"{self.clock():%Y-%m-%dT%H:%M:%SZ}", "result_count": len(rules)}
        return _told({"data": rules, "meta": meta} if rules else {"meta": meta})

    def _change_rules(self, asked: Asked) -> Told:
        body = json.loads(asked.body)
        for number in body.get("delete", {}).get("ids", []):
            del self.rules[number]
        made: list[dict[str, str]] = []
        errors: list[dict[str, Any]] = []
        for rule in body.get("add", []):
            taken = next((number for number, one in self.rules.items() if one["value"] == rule["value"]), None)
            if taken is not None:
                errors.append(_rule_error("duplicate-rules", "DuplicateRule", rule["value"], id=taken))
            elif len(rule["value"]) > 1_024 or rule["value"].count("(") != rule["value"].count(")"):
                errors.append(_rule_error("invalid-rules", "Invalid Rule", rule["value"], details=["cannot be read"]))
            else:
                number = str(1_000 + len(self.paths) * 10 + len(made))
                self.rules[number] = {"value": rule["value"], "tag": rule["tag"]}
                made.append({"id": number, **self.rules[number]})
        told: dict[str, Any] = {"meta": {"summary": {"created": len(made), "not_created": len(errors)}}}
        told |= {"data": made} if made else {}
        told |= {"errors": errors} if errors else {}
        return Told(201 if made or "delete" in body else 400, json.dumps(told).encode())

    def _stream(self, _: Asked) -> Told:
        if len(self.listeners) >= self.most_connections:
            return TOO_MANY
        lines: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.listeners.append(lines)

        async def told() -> AsyncIterator[bytes]:
            try:
                while True:
                    try:
                        line = await asyncio.wait_for(lines.get(), self.keep_alive)
                    except TimeoutError:
                        line = b"\r\n"
                    if line is None:
                        return
                    yield line
            finally:
                if lines in self.listeners:
                    self.listeners.remove(lines)

        return Told(200, headers={"content-type": "application/json"}, chunks=told)


def user(number: str, handle: str, **other: Any) -> dict[str, Any]:
    """An account."""
    return {
        "id": number, "username": handle, "name": handle.title(), "verified": False,
        "public_metrics": {"followers_count": 120, "following_count": 3, "tweet_count": 9, "listed_count": 0},
        **other,
    }  # fmt: skip


def _matches(query: str, told: Any) -> bool:
    """Whether one of the phrases, words or names of a query is in a post, as far as such queries are made here."""
    if not isinstance(told, dict) or not isinstance(told.get("text"), str):
        return True
    wanted = re.sub(r"\s-?\w+:\w+$|^\(|\)$", "", re.sub(r"\s-is:retweet$", "", query)).removesuffix(")")
    text = told["text"].lower()
    return any(_holds(term.strip("() "), text, told) for term in wanted.lower().split(" or "))


def _holds(term: str, text: str, told: dict[str, Any]) -> bool:
    if term.startswith("from:"):
        return bool(told.get("author_id") == term.removeprefix("from:"))
    return all(part.strip('"') in text for part in re.findall(r'"[^"]+"|\S+', term))


def _partial(found: list[Any], lost: list[str], kind: str) -> dict[str, Any]:
    errors = [
        {
            "value": one, "resource_id": one, "resource_type": kind, "parameter": "ids", "title": "Not Found Error",
            "detail": f"Could not find {kind} with ids: [{one}].", "type": f"{PROBLEMS}resource-not-found",
        }
        for one in lost
    ]  # fmt: skip
    return {**({"data": found} if found else {}), **({"errors": errors} if errors else {})}


def _rule_error(slug: str, title: str, value: str, **other: Any) -> dict[str, Any]:
    return {"value": value, "title": title, "type": PROBLEMS + slug, **other}


def _told(body: dict[str, Any]) -> Told:
    return Told(body=json.dumps(body).encode(), headers={"content-type": "application/json"})
