"""A scripted VK: walls, comments and search that answer as the real ones do, errors with HTTP 200 included.

Posts and comments of a wall share one counter of ids, as on VK. `arriving` holds what happens between two answers.
"""

import json
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs

from tests.kit.scripted_http import Asked, ScriptedServer, Told, scripted_server

Params = dict[str, str]
Thing = dict[str, Any]

_CALL = re.compile(r"API\.(\w+\.\w+)\(")
_MOST_CALLS = 25
SAID = {
    1: "Unknown error occurred", 5: "User authorization failed: access_token has expired.",
    6: "Too many requests per second", 9: "Flood control", 10: "Internal server error: could not check access_token",
    12: "Unable to compile code", 13: "Runtime error occurred during code invocation: response size is too big",
    14: "Captcha needed", 15: "Access denied: this wall available only for community members",
    17: "Validation required: please open redirect_uri in browser [5]", 18: "User was deleted or banned",
    19: "Content is unavailable", 29: "Rate limit reached", 30: "This profile is private",
    36: "Method execution was interrupted due to timeout",
    100: "One of the parameters specified was missing or invalid",
    113: "Invalid user id", 125: "Invalid group id", 203: "Access to group denied",
}  # fmt: skip


class Fault(Exception):
    """An error of VK's."""

    def __init__(self, code: int, **more: Any) -> None:
        super().__init__(code)
        self.error = {"error_code": code, "error_msg": SAID.get(code, f"Error {code}"), **more}


def failed(code: int, said: str = "") -> Told:
    """An error as VK tells it: with HTTP 200."""
    error = {"error_code": code, "error_msg": said or SAID[code], "request_params": [{"key": "v", "value": "5.199"}]}
    return Told(body=json.dumps({"error": error}).encode())


class Vk:
    """The network. `faults` are error codes by method, or by `method key` for one wall, post or query.

    `most_found` is how many posts one question of a search is told; `tokens` who may ask, with the name of the user
    whom the token belongs to, None for a service token. `per_method` counts calls, those inside `execute` too.
    """

    def __init__(self, token: str, server: ScriptedServer) -> None:
        self.server = server
        self.tokens: dict[str, Thing | None] = {token: None}
        self.users: dict[int, Thing] = {}
        self.groups: dict[int, Thing] = {}
        self.walls: defaultdict[int, dict[int, Thing]] = defaultdict(dict)
        self.comments: defaultdict[tuple[int, int], dict[int, Thing]] = defaultdict(dict)
        self.strange: defaultdict[int, list[Any]] = defaultdict(list)
        self.elsewhere: list[Any] = []
        self.faults: dict[str, int] = {}
        self.arriving: list[Callable[[], object]] = []
        self.most_found = 1_000
        self.per_method: defaultdict[str, int] = defaultdict(int)
        self.numbers: defaultdict[int, int] = defaultdict(int)
        self.methods: dict[str, Callable[[Params], Any]] = {
            "wall.get": self._wall_get, "wall.getById": self._wall_get_by_id, "wall.search": self._wall_search,
            "wall.getComments": self._wall_get_comments, "newsfeed.search": self._newsfeed_search,
            "groups.getById": self._groups_get_by_id, "users.get": self._users_get,
        }  # fmt: skip

    def user(self, number: int, first: str, last: str, screen_name: str = "", followers: int | None = None) -> None:
        """Somebody."""
        self.users[number] = {
            "id": number, "first_name": first, "last_name": last, "can_access_closed": True, "is_closed": False,
            "screen_name": screen_name or f"id{number}", "verified": 0,
        } | ({} if followers is None else {"followers_count": followers})  # fmt: skip

    def group(self, number: int, name: str, screen_name: str = "", members: int = 0) -> None:
        """A community."""
        self.groups[number] = {
            "id": number, "name": name, "screen_name": screen_name or f"club{number}", "is_closed": 0, "type": "page",
            "members_count": members, "verified": 1,
        }  # fmt: skip

    def post(self, owner: int, text: str, at: float, *, by: int | None = None, **more: Any) -> str:
        """Put a post on a wall; return `OWNER_ID`."""
        self.numbers[owner] += 1
        number = self.numbers[owner]
        self.walls[owner][number] = {
            "inner_type": "wall_wallpost", "id": number, "owner_id": owner, "from_id": owner if by is None else by,
            "date": int(at), "post_type": "post", "text": text, "hash": "h", "attachments": [],
            "likes": {"count": 4, "can_like": 1, "user_likes": 0, "can_publish": 1},
            "reposts": {"count": 1, "user_reposted": 0}, "views": {"count": 310}, **more,
        }  # fmt: skip
        return f"{owner}_{number}"

    def comment(
        self, post: str, text: str, at: float, *, by: int, thread: int = 0, to: int = 0, **more: Any
    ) -> str:  # fmt: skip
        """Put a comment under a post, or into the thread of comment number `thread`; return `OWNER_POST_rID`."""
        owner, number = map(int, post.split("_"))
        self.numbers[owner] += 1
        comment = self.numbers[owner]
        self.comments[owner, number][comment] = {
            "id": comment, "from_id": by, "date": int(at), "text": text, "post_id": number, "owner_id": owner,
            "parents_stack": [thread] if thread else [],
            "likes": {"count": 0, "can_like": 1, "user_likes": 0},
            **({"reply_to_comment": to or thread, "reply_to_user": by} if thread else {}),
            **more,
        }  # fmt: skip
        return f"{owner}_{number}_r{comment}"

    def thing(self, native_id: str) -> Thing:
        """What is shown under a native id."""
        owner, number, *rest = native_id.replace("_r", "_").split("_")
        if rest:
            return self.comments[int(owner), int(number)][int(rest[0])]
        return self.walls[int(owner)][int(number)]

    def remove(self, native_id: str) -> None:
        """Take a post or comment away."""
        owner, number, *rest = native_id.replace("_r", "_").split("_")
        if rest:
            del self.comments[int(owner), int(number)][int(rest[0])]
        else:
            del self.walls[int(owner)][int(number)]

    def say(self, asked: Asked) -> Told:
        """Answer a request for a method."""
        method = asked.path.removeprefix("/method/")
        params = {name: texts[-1] for name, texts in parse_qs(asked.body.decode()).items()} | asked.query
        token = asked.headers.get("authorization", "").removeprefix("Bearer ") or params.get("access_token", "")
        try:
            self._let_in(token, params)
            answer = self._execute(params) if method == "execute" else {"response": self._call(method, params)}
        except Fault as fault:
            answer = {"error": {**fault.error, "request_params": [{"key": "v", "value": params.get("v", "")}]}}
        return Told(body=json.dumps(answer).encode(), headers={"content-type": "application/json; charset=utf-8"})

    def _let_in(self, token: str, params: Params) -> None:
        if token not in self.tokens:
            raise Fault(5)
        if "v" not in params:
            raise Fault(8)
        params["token"] = token

    def _call(self, method: str, params: Params) -> Any:
        self.per_method[method] += 1
        key = params.get("q") or params.get("domain") or params.get("owner_id", "")
        if "post_id" in params:
            key += f"_{params['post_id']}"
        fault = self.faults.get(f"{method} {key}") or self.faults.get(method)
        if fault:
            raise Fault(fault)
        if method not in self.methods:
            raise Fault(3)
        answer = self.methods[method](params)
        if self.arriving:
            self.arriving.pop(0)()
        return answer

    def _execute(self, params: Params) -> Thing:
        """`return [API.a.b({...}), ...];` and no other VKScript."""
        if "execute" in self.faults:
            raise Fault(self.faults["execute"])
        code, place = params["code"], len("return [")
        answers: list[Any] = []
        errors: list[Thing] = []
        while found := _CALL.match(code, place):
            given, place = json.JSONDecoder().raw_decode(code, found.end())
            inner = {name: str(value) for name, value in given.items()} | {"token": params["token"]}
            try:
                answers.append(self._call(found[1], inner))
            except Fault as fault:
                answers.append(False)
                errors.append({"method": found[1], **fault.error})
            place += len("),")
        if not code.startswith("return [") or code[place - 1 :] != "];":
            raise Fault(12)
        if len(answers) > _MOST_CALLS:
            raise Fault(13)
        return {"response": answers, **({"execute_errors": errors} if errors else {})}

    def _owner(self, params: Params) -> int:
        if "owner_id" in params:
            owner = int(params["owner_id"])
        else:
            named = {group["screen_name"]: -number for number, group in self.groups.items()}
            named |= {user["screen_name"]: number for number, user in self.users.items()}
            owner = named.get(params.get("domain", ""), 0)
        if -owner not in self.groups and owner not in self.users:
            raise Fault(100)
        return owner

    def _shown(self, post: Thing) -> Thing:
        under = self.comments[post["owner_id"], post["id"]]
        return {**post, "comments": post.get("comments") or {"count": len(under), "can_post": 1}}

    def _wall(self, owner: int) -> list[Any]:
        posts = [self._shown(post) for _, post in sorted(self.walls[owner].items(), reverse=True)]
        posts.sort(key=lambda post: not post.get("is_pinned"))
        return posts[:1] + self.strange[owner] + posts[1:]

    def _wall_get(self, params: Params) -> Thing:
        return self._page(self._wall(self._owner(params)), params, most=100)

    def _wall_search(self, params: Params) -> Thing:
        found = [post for post in self._wall(self._owner(params)) if _matches(post, params["query"])]
        return self._page(found, params, most=100)

    def _wall_get_by_id(self, params: Params) -> Thing:
        names = params["posts"].split(",")
        if len(names) > 100:
            raise Fault(100)
        there = {f"{owner}_{number}": post for owner, wall in self.walls.items() for number, post in wall.items()}
        found = [self._shown(there[name]) for name in names if name in there]
        return {"items": found, **self._people(found)}

    def _wall_get_comments(self, params: Params) -> Thing:
        owner, post = self._owner(params), int(params["post_id"])
        if post not in self.walls[owner]:
            raise Fault(100)
        everything = self.comments[owner, post]
        most_inner = int(params.get("thread_items_count", "0"))
        if "comment_id" in params:
            level = [one for one in everything.values() if one["parents_stack"][:1] == [int(params["comment_id"])]]
        else:
            level = [
                {**one, "thread": self._thread(everything, number, most_inner)}
                for number, one in everything.items()
                if not one["parents_stack"]
            ]
        if params.get("sort") == "desc":
            level.reverse()
        cut = int(params.get("preview_length", "90"))
        page = self._page([_cut(one, cut) for one in level], params, most=100)
        return {**page, "count": len(everything), "current_level_count": len(level), "can_post": True}

    def _thread(self, everything: dict[int, Thing], number: int, most: int) -> Thing:
        inner = [one for one in everything.values() if one["parents_stack"][:1] == [number]]
        return {"count": len(inner), "items": inner[: min(most, 10)], "can_post": True}

    def _newsfeed_search(self, params: Params) -> Thing:
        start, end = int(params.get("start_time", "0")), int(params.get("end_time", str(2**40)))
        posts: list[Any] = [self._shown(post) for wall in self.walls.values() for post in wall.values()]
        posts += self.elsewhere
        found = [post for post in posts if start <= _date(post, start) <= end and _matches(post, params["q"])]
        found.sort(key=lambda post: -_date(post, start))
        begin, most = int(params.get("start_from", "0/").partition("/")[0]), int(params.get("count", "30"))
        if most > 200:
            raise Fault(100)
        told = found[: self.most_found][begin : begin + most]
        more = begin + most < min(len(found), self.most_found)
        next_from = {"next_from": f"{begin + most}/{_name(told[-1])}"} if more else {}
        return {"items": told, "count": len(told), "total_count": len(found), **next_from, **self._people(told)}

    def _groups_get_by_id(self, params: Params) -> Thing:
        names = (params.get("group_ids") or params["group_id"]).split(",")
        by_name = {group["screen_name"]: group for group in self.groups.values()}
        found = [self.groups[int(name)] if name.isdigit() else by_name[name] for name in names if self._known(name)]
        if not found:
            raise Fault(125)
        return {"groups": found, "profiles": []}

    def _known(self, name: str) -> bool:
        return (name.isdigit() and int(name) in self.groups) or any(
            group["screen_name"] == name for group in self.groups.values()
        )

    def _users_get(self, params: Params) -> list[Thing]:
        if "user_ids" in params:
            wanted = params["user_ids"].split(",")
            return [
                user for user in self.users.values() if str(user["id"]) in wanted or user["screen_name"] in wanted
            ]
        user = self.tokens[params["token"]]
        return [user] if user else []

    def _page(self, found: list[Any], params: Params, *, most: int) -> Thing:
        count, offset = int(params.get("count", "20")), int(params.get("offset", "0"))
        if not 0 <= count <= most:
            raise Fault(100)
        items = found[offset : offset + count]
        return {"count": len(found), "items": items, **(self._people(items) if params.get("extended") == "1" else {})}

    def _people(self, items: Iterable[Any]) -> Thing:
        """Those who wrote; whose wall it is only where that wrote too."""
        numbers: set[int] = set()
        known = {*self.users, *(-number for number in self.groups)}
        for item in items:
            if isinstance(item, dict):
                inner = item.get("thread", {}).get("items", [])
                for one in [item, *inner, *item.get("copy_history", [])]:
                    numbers |= {one.get("from_id", 0)} & known
        return {
            "profiles": [self.users[number] for number in sorted(numbers) if number > 0],
            "groups": [self.groups[-number] for number in sorted(numbers) if number < 0],
        }


def _matches(post: Any, query: str) -> bool:
    text = post.get("text", "").lower() if isinstance(post, dict) and isinstance(post.get("text"), str) else query
    return all(word in text for word in query.lower().replace('"', "").split())


def _date(post: Any, otherwise: int) -> int:
    date = post.get("date") if isinstance(post, dict) else None
    return date if isinstance(date, int) else otherwise


def _name(post: Any) -> str:
    return f"{post.get('owner_id')}_{post.get('id')}" if isinstance(post, dict) else "0_0"


def _cut(comment: Thing, most: int) -> Thing:
    text = comment["text"]
    return comment if not most or not isinstance(text, str) or len(text) <= most else {**comment, "text": text[:most]}


@asynccontextmanager
async def serving(token: str) -> AsyncIterator[Vk]:
    """Serve on a free port until the block ends."""
    async with scripted_server() as server:
        vk = Vk(token, server)
        server.answers |= {f"/method/{method}": vk.say for method in [*vk.methods, "execute"]}
        yield vk
