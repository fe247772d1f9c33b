"""A Discourse forum on this machine: posts by falling id, a search without texts, its own words for what is wrong."""

import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from tests.kit.scripted_http import Asked, ScriptedServer, Told, scripted_server
from tests.networks.any_path import AnyPath

PAGE = 50


def problem(status: int, kind: str, sentence: str, **extras: Any) -> Told:
    """An error in Discourse's shape."""
    body: dict[str, Any] = {"errors": [sentence], "error_type": kind}
    if extras:
        body["extras"] = extras
    return Told(status, json.dumps(body).encode(), {"content-type": "application/json; charset=utf-8"})


NOT_FOUND = problem(404, "not_found", "The requested URL or resource could not be found.")
FORBIDDEN = problem(403, "invalid_access", "You are not permitted to view the requested resource.")
SLOW_DOWN = problem(429, "rate_limit", "You've performed this action too many times.", wait_seconds=7)


class Forum:
    """`window` is how forums before 2026 listed: only the 50 ids up to and including `before`.

    `between` is called before every page but the first, as new posts come while somebody reads. `size` is how many
    posts or hits a page holds; `odd_hits` are put before the hits of every search.
    """

    def __init__(self, server: ScriptedServer, *, key: str = "") -> None:
        self.server, self.key = server, key
        self.posts: dict[int, dict[str, Any]] = {}
        self.window, self.size = False, PAGE
        self.between: Callable[[], None] = lambda: None
        self.odd_hits: list[Any] = []
        server.answers = AnyPath(self._answer)

    def write(self, topic: int, number: int, at: datetime, cooked: str, **other: Any) -> int:
        """Add a post; return its id."""
        number_of_all = max(self.posts, default=0) + 1
        self.posts[number_of_all] = {
            "id": number_of_all, "topic_id": topic, "post_number": number, "topic_slug": f"topic-{topic}",
            "topic_title": f"Topic {topic}", "username": "ada", "name": "Ada", "cooked": cooked, "raw": cooked,
            "created_at": _iso(at), "updated_at": _iso(at), "post_type": 1, "version": 1, "reply_count": 0,
            "reads": 4, "reply_to_post_number": None, "actions_summary": [{"id": 2, "count": 1}], "hidden": False,
            "user_deleted": False, **other,
        }  # fmt: skip
        return number_of_all

    def at(self, topic: int, number: int) -> dict[str, Any] | None:
        """The post with a number in a topic."""
        return next(
            (one for one in self.posts.values() if (one.get("topic_id"), one.get("post_number")) == (topic, number)),
            None,
        )

    def edit(self, topic: int, number: int, cooked: str, at: datetime) -> None:
        """Change a post."""
        post = self.at(topic, number)
        assert post is not None
        post |= {"cooked": cooked, "raw": cooked, "version": post["version"] + 1, "updated_at": _iso(at)}

    def delete(self, topic: int, number: int) -> None:
        """Take a post away: it is not listed any more, and not found."""
        post = self.at(topic, number)
        assert post is not None
        del self.posts[post["id"]]

    def _answer(self, asked: Asked) -> Told:
        if self.key and asked.headers.get("api-key") != self.key:
            return FORBIDDEN
        if asked.path == "/posts.json":
            return self._latest(int(asked.query.get("before", "0")))
        if asked.path == "/search.json":
            return self._search(asked.query["q"], int(asked.query.get("page", "1")))
        if found := re.fullmatch(r"/posts/by_number/(\d+)/(\d+)\.json", asked.path):
            return _told(self._alone(self.at(int(found[1]), int(found[2]))))
        if found := re.fullmatch(r"/t/(\d+)\.json", asked.path):
            first = self._alone(self.at(int(found[1]), 1))
            stream = {"posts": [first]}
            return _told(first and {"title": f"Topic {found[1]}", "post_stream": stream})
        return NOT_FOUND

    def _latest(self, before: int) -> Told:
        if before:
            self.between()
        ids = sorted(self.posts, reverse=True)
        if self.window:
            last = before or ids[0]
            ids = [one for one in ids if last - PAGE < one <= last]
        elif before:
            ids = [one for one in ids if one < before]
        shown = [self.posts[one] for one in ids[: self.size] if self.posts[one].get("post_type") != 4]
        return _told({"latest_posts": shown})

    def _search(self, query: str, page: int) -> Told:
        if page > 10:
            return problem(400, "invalid_parameters", "You supplied invalid parameters to the request: page")
        before = re.search(r"before:(\S+)", query)
        until = before[1] if before else "9999"
        wanted = [word.strip('"').lower() for word in re.sub(r"(order|before):\S+", "", query).split()]
        found = [post for post in self.posts.values() if str(post["created_at"]) < until]
        found = [post for post in found if all(word in f"{post.get('cooked')}".lower() for word in wanted)]
        found.sort(key=lambda post: str(post["created_at"]), reverse=True)
        some = found[(page - 1) * self.size : page * self.size]
        hits = [
            {
                "id": post["id"], "topic_id": post["topic_id"], "post_number": post["post_number"],
                "username": post["username"], "created_at": post["created_at"], "like_count": 1, "blurb": "...",
            }
            for post in some
        ]  # fmt: skip
        more = len(found) > page * self.size or None
        return _told({"posts": [*self.odd_hits, *hits], "grouped_search_result": {"more_full_page_results": more}})

    @staticmethod
    def _alone(post: dict[str, Any] | None) -> dict[str, Any] | None:
        """A post alone comes without the title of its topic."""
        return None if post is None else {name: told for name, told in post.items() if name != "topic_title"}


@asynccontextmanager
async def forum(*, key: str = "") -> AsyncIterator[Forum]:
    """Serve a forum until the block ends."""
    async with scripted_server() as server:
        yield Forum(server, key=key)


def _told(answer: Any) -> Told:
    return Told(body=json.dumps(answer).encode()) if answer else NOT_FOUND


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
