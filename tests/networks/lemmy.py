"""A Lemmy instance on this machine: lists of posts and comments newest first, a search, its own errors."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from tests.kit.scripted_http import Asked, ScriptedServer, Told, scripted_server
from tests.networks.any_path import AnyPath

MOST = 50
HOME = "https://lemmy.example"


def problem(status: int, word: str) -> Told:
    """An error in Lemmy's shape."""
    return Told(status, json.dumps({"error": word}).encode(), {"content-type": "application/json"})


SLOW_DOWN = problem(400, "rate_limit_error")
NOT_LOGGED_IN = problem(401, "not_logged_in")


class Instance:
    """`token`: the instance shows nothing without it. `cursors`: posts are paged by `next_page`, as since 0.19.

    `between` is called before every page but the first, as new posts come while somebody reads. `zone` ends the times
    (older instances write none).
    """

    def __init__(self, server: ScriptedServer, *, token: str = "") -> None:
        self.server, self.token = server, token
        self.posts: list[dict[str, Any]] = []
        self.comments: list[dict[str, Any]] = []
        self.cursors, self.zone = True, "Z"
        self.between: Callable[[], None] = lambda: None
        self._number = 0
        server.answers = AnyPath(self._answer)

    def post(self, at: datetime, name: str, body: str | None = None, **other: Any) -> str:
        """Add a post; return its address."""
        number = self._next()
        post = {
            "id": number, "ap_id": f"{HOME}/post/{number}", "name": name, "body": body, "published": self._iso(at),
            "removed": False, "deleted": False, "featured_community": False, "featured_local": False,
            "creator_id": 7, "community_id": 3, "local": True, "nsfw": False, "locked": False, "language_id": 0,
            **other,
        }  # fmt: skip
        counts = {"post_id": number, "comments": 2, "score": 5, "upvotes": 6, "downvotes": 1}
        self.posts.append({**self._around(), "post": post, "counts": counts})
        return str(post["ap_id"])

    def comment(self, at: datetime, content: str, *, post: str, under: str = "", **other: Any) -> str:
        """Add a comment under a post, or under another comment; return its address."""
        number = self._next()
        above = self.find(under)["comment"]["path"] if under else "0"
        comment = {
            "id": number, "ap_id": f"{HOME}/comment/{number}", "content": content, "path": f"{above}.{number}",
            "published": self._iso(at), "removed": False, "deleted": False, "creator_id": 7, "post_id": 1,
            "local": True, "distinguished": False, "language_id": 0, **other,
        }  # fmt: skip
        counts = {"comment_id": number, "score": 1, "upvotes": 2, "downvotes": 1, "child_count": 0}
        self.comments.append({
            **self._around(), "comment": comment, "post": {"id": 1, "ap_id": post, "name": "..."}, "counts": counts,
        })  # fmt: skip
        return str(comment["ap_id"])

    def find(self, address: str) -> dict[str, Any]:
        """The view of a post or a comment."""
        return next(view for view in (*self.posts, *self.comments) if _inner(view).get("ap_id") == address)

    def edit(self, address: str, text: str, at: datetime) -> None:
        """Change a text."""
        inner = _inner(self.find(address))
        inner |= {"content" if "content" in inner else "body": text, "updated": self._iso(at)}

    def delete(self, address: str) -> None:
        """Take it away: it is not listed any more, and not found."""
        view = self.find(address)
        (self.posts if view in self.posts else self.comments).remove(view)

    def _answer(self, asked: Asked) -> Told:
        if self.token and asked.headers.get("authorization") != f"Bearer {self.token}":
            return NOT_LOGGED_IN
        ways: dict[str, Callable[[Asked], Told]] = {
            "/site": self._site,
            "/post/list": lambda asked: self._list("posts", asked),
            "/comment/list": lambda asked: self._list("comments", asked),
            "/search": self._search,
            "/post": lambda asked: self._one("post", self.posts, asked),
            "/comment": lambda asked: self._one("comment", self.comments, asked),
        }
        way = ways.get(asked.path.removeprefix("/api/v3"))
        return way(asked) if way else Told(404)

    def _site(self, _: Asked) -> Told:
        me = {"local_user_view": {"person": {"name": "tocsin"}}} if self.token else None
        site = {"site_view": {"site": {"name": "Runway"}}, "version": "0.19.11", "my_user": me}
        return Told(body=json.dumps(site).encode())

    def _list(self, which: str, asked: Asked) -> Told:
        if asked.query["sort"] != "New" or int(asked.query["limit"]) > MOST:
            return problem(400, "couldnt_get_posts")
        if asked.query.get("community_name") == "nowhere":
            return problem(404, "couldnt_find_community")
        found = sorted(self.posts if which == "posts" else self.comments, key=_order, reverse=True)
        limit = int(asked.query["limit"])
        if "page_cursor" in asked.query:
            self.between()
            last = int(asked.query["page_cursor"][1:])
            found = sorted(self.posts, key=_order, reverse=True)
            ids = [_inner(view)["id"] for view in found]
            if last not in ids:
                return problem(400, "couldnt_find_post")
            start = ids.index(last) + 1
        else:
            start = (int(asked.query.get("page", "1")) - 1) * limit
            if start:
                self.between()
                found = sorted(self.posts if which == "posts" else self.comments, key=_order, reverse=True)
        some = found[start : start + limit]
        answer: dict[str, Any] = {which: some}
        if which == "posts" and self.cursors:
            answer["next_page"] = f"P{_inner(some[-1])['id']}" if len(some) == limit else None
        return Told(body=json.dumps(answer).encode())

    def _search(self, asked: Asked) -> Told:
        words, limit = asked.query["q"].lower().split(), int(asked.query["limit"])
        start = (int(asked.query.get("page", "1")) - 1) * limit

        def hits(views: list[dict[str, Any]]) -> list[dict[str, Any]]:
            found = [view for view in views if all(word in json.dumps(_inner(view)).lower() for word in words)]
            return sorted(found, key=_when, reverse=True)[start : start + limit]

        answer = {"type_": "All", "posts": hits(self.posts), "comments": hits(self.comments), "users": []}
        return Told(body=json.dumps(answer).encode())

    @staticmethod
    def _one(kind: str, views: list[dict[str, Any]], asked: Asked) -> Told:
        found = next((view for view in views if str(_inner(view)["id"]) == asked.query["id"]), None)
        if found is None:
            return problem(404, f"couldnt_find_{kind}")
        return Told(body=json.dumps({f"{kind}_view": found}).encode())

    @staticmethod
    def _around() -> dict[str, Any]:
        return {
            "creator": {
                "id": 7, "name": "ada", "display_name": "Ada", "actor_id": f"{HOME}/u/ada", "bot_account": False,
            },
            "community": {"id": 3, "name": "runway", "actor_id": f"{HOME}/c/runway"},
            "subscribed": "NotSubscribed", "saved": False, "creator_blocked": False,
        }  # fmt: skip

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _iso(self, at: datetime) -> str:
        return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + self.zone


@asynccontextmanager
async def instance(*, token: str = "") -> AsyncIterator[Instance]:
    """Serve an instance until the block ends."""
    async with scripted_server() as server:
        yield Instance(server, token=token)


def _inner(view: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = view["comment"] if "comment" in view else view["post"]
    return found


def _pinned(view: dict[str, Any]) -> bool:
    return bool(_inner(view).get("featured_local") or _inner(view).get("featured_community"))


def _when(view: dict[str, Any]) -> tuple[str, int]:
    return str(_inner(view)["published"]), int(_inner(view)["id"])


def _order(view: dict[str, Any]) -> tuple[bool, str, int]:
    """Pinned ones come first, whenever they were written."""
    return (_pinned(view), *_when(view))
