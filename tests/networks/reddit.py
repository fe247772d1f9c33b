"""A small Reddit on this machine: tokens that end, listings that go on after a fullname, closed subreddits.

As on the real one, a listing after something that was deleted is empty, a subreddit that does not exist leads to a
search for subreddits, and what was deleted is still told by its fullname, without its words.
"""

import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.kit.scripted_http import Asked, ScriptedServer, Told
from tests.networks.any_path import AnyPath

LISTED = 1_000


def refusal(status: int, message: str, reason: str = "") -> Told:
    """An error in Reddit's shape."""
    body = {"message": message, "error": status, **({"reason": reason} if reason else {})}
    return Told(status, json.dumps(body).encode(), {"content-type": "application/json; charset=UTF-8"})


@dataclass
class Reddit:
    """`between` is called before every page but the first. `size` is how many things a page holds at most.

    `closed` are subreddits that cannot be read, with status and reason. `lifetime` is for how many seconds a token is
    valid. `remaining` is what is left of the requests, told in the headers while it is set.
    """

    server: ScriptedServer
    clock: Callable[[], datetime]
    client_id: str
    secret: str
    size: int = 100
    lifetime: float = 86_400
    things: dict[str, dict[str, Any]] = field(default_factory=dict)
    odd: dict[str, Any] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    closed: dict[str, tuple[int, str]] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    tokens: dict[str, float] = field(default_factory=dict)
    between: Callable[[], None] = lambda: None
    remaining: float | None = None
    granted: int = 0
    listed: int = LISTED

    def __post_init__(self) -> None:
        self.server.answers = AnyPath(self._answer)

    def write(self, title: str, text: str = "", *, at: datetime | None = None, **other: Any) -> str:
        """Add a post; returns its fullname."""
        return self._add("t3", {"title": title, "selftext": text, "num_comments": 2, **other}, at)

    def comment(self, link: str, body: str, *, parent: str = "", at: datetime | None = None, **other: Any) -> str:
        """Add a comment; returns its fullname."""
        told = {"body": body, "link_id": link, "parent_id": parent or link, **other}
        return self._add("t1", {"link_author": self.things[link]["author"], **told}, at)

    def edit(self, name: str, text: str) -> None:
        """Change a text, as its author does after more than three minutes."""
        field_of_text = "body" if name.startswith("t1") else "selftext"
        self.things[name] |= {field_of_text: text, "edited": self.clock().timestamp()}

    def delete(self, name: str, *, by: str = "author") -> None:
        """Take something away: it is not listed any more."""
        mark = "[deleted]" if by == "author" else "[removed]"
        if name.startswith("t1"):
            self.things[name] |= {"body": mark}
        else:
            self.things[name] |= {"selftext": mark, "removed_by_category": "deleted" if by == "author" else by}
        self.things[name] |= {"author": "[deleted]"}
        self.gone.add(name)

    def _add(self, kind: str, data: dict[str, Any], at: datetime | None) -> str:
        moment = (at or self.clock()).timestamp()
        name = f"{kind}_{_base36(1_000_000 + len(self.things))}"
        short = name.partition("_")[2]
        self.things[name] = {
            "id": short, "name": name, "author": "ada", "author_fullname": "t2_7", "subreddit": "travel",
            "created_utc": float(int(moment)), "edited": False, "score": 5,
            "permalink": f"/r/travel/comments/{short}/", "over_18": False, **data,
        }  # fmt: skip
        return name

    def _answer(self, asked: Asked) -> Told:
        if asked.path == "/api/v1/access_token":
            return self._grant(asked)
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if self.tokens.get(token, 0) <= self.clock().timestamp():
            return refusal(401, "Unauthorized")
        if not asked.headers.get("user-agent", "").startswith("linux:tocsin:"):
            return refusal(429, "Too Many Requests")
        told = self._listing(asked)
        if self.remaining is not None:
            self.remaining -= 1
            told.headers.update({"x-ratelimit-remaining": f"{max(self.remaining, 0)}", "x-ratelimit-reset": "90"})
        return told

    def _grant(self, asked: Asked) -> Told:
        basic = b64encode(f"{self.client_id}:{self.secret}".encode()).decode()
        if asked.headers.get("authorization") != f"Basic {basic}":
            return refusal(401, "Unauthorized")
        if asked.body != b"grant_type=client_credentials":
            return Told(body=b'{"error": "unsupported_grant_type"}')
        self.granted += 1
        token = f"token-{self.granted}"
        self.tokens[token] = self.clock().timestamp() + self.lifetime
        granted = {"access_token": token, "token_type": "bearer", "expires_in": self.lifetime, "scope": "*"}
        return Told(body=json.dumps(granted).encode())

    def _listing(self, asked: Asked) -> Told:
        if asked.path == "/api/info":
            wanted = asked.query["id"].split(",")
            return _told([self._shown(name) for name in wanted if name in self.things], "")
        if asked.path == "/search":
            return self._page(asked, self._found(asked.query["q"]))
        _, _, names, kind = asked.path.split("/")
        subreddits = {name.lower() for name in names.split("+")}
        if closed := next((self.closed[name] for name in sorted(subreddits) if name in self.closed), None):
            return refusal(closed[0], "Forbidden" if closed[0] == 403 else "Not Found", closed[1])
        if subreddits & self.missing:
            return _told([{"kind": "t5", "data": {"name": "t5_x", "display_name": "travels"}}], "")
        prefix = "t3" if kind == "new" else "t1"
        return self._page(
            asked,
            [
                name
                for name, thing in self.things.items()
                if name.startswith(prefix) and thing["subreddit"].lower() in subreddits
            ],
        )

    def _found(self, query: str) -> list[str]:
        terms = [term.strip('()"').lower() for term in query.split(" OR ")]
        return [
            name
            for name, thing in self.things.items()
            if name.startswith("t3")
            and any(term in f"{thing['title']} {thing['selftext']}".lower() for term in terms)
        ]

    def _page(self, asked: Asked, names: list[str]) -> Told:
        after = asked.query.get("after", "")
        if after:
            self.between()
        if after in self.gone:
            return _told([], "")
        alive = [name for name in names if name not in self.gone]
        newest = sorted(alive, key=lambda name: (-self.things[name]["created_utc"], -int(name[3:], 36)))[
            : self.listed
        ]
        start = newest.index(after) + 1 if after in newest else 0
        some = newest[start : start + min(self.size, int(asked.query["limit"]))]
        return _told([self._shown(name) for name in some], some[-1] if start + len(some) < len(newest) else "")

    def _shown(self, name: str) -> Any:
        return self.odd.get(name, {"kind": name[:2], "data": self.things[name]})


def _told(children: list[Any], after: str) -> Told:
    body = {"kind": "Listing", "data": {"after": after or None, "before": None, "children": children}}
    return Told(body=json.dumps(body).encode(), headers={"content-type": "application/json; charset=UTF-8"})


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits
