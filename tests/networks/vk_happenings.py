"""What happens on VK, as its API, its stream and its long poll tell it."""

import json
from hashlib import sha256
from typing import Any

GROUP = 501


def person(number: int, first: str, last: str = "K", screen_name: str = "", **other: Any) -> dict[str, Any]:
    """A user as users.get tells it."""
    return {
        "id": number,
        "first_name": first,
        "last_name": last,
        "screen_name": screen_name or f"id{number}",
        **other,
    }


def group(number: int, name: str, screen_name: str = "", **other: Any) -> dict[str, Any]:
    """A community as groups.getById tells it."""
    return {"id": number, "name": name, "screen_name": screen_name or f"club{number}", "type": "page", **other}


def post(
    number: int, at: float, text: str, *, author: int = 9001, owner: int = -GROUP, **other: Any
) -> dict[str, Any]:
    """A wall post as the API tells it."""
    return {
        "inner_type": "wall_wallpost", "id": number, "owner_id": owner, "from_id": author, "date": int(at),
        "text": text, "post_type": "post", "likes": {"count": 0, "can_like": 1, "user_likes": 0},
        "reposts": {"count": 0, "user_reposted": 0}, "comments": {"count": 0, "can_post": 1}, **other,
    }  # fmt: skip


def comment(number: int, at: float, text: str, *, author: int = 9001, **place: Any) -> dict[str, Any]:
    """A comment; `place` says where (post_id, post_owner_id, topic_id, ...)."""
    return {"id": number, "from_id": author, "date": int(at), "text": text, **place}


def removal(number: int, **place: int) -> dict[str, Any]:
    """What is told of a comment that is deleted. Of a wall's VK names who did it otherwise than elsewhere."""
    return {"id": number, "user_id": 9001, "deleter_id": 9001, **place}


def message(number: int, at: float, text: str, *, author: int = 9001, **other: Any) -> dict[str, Any]:
    """A direct message."""
    return {
        "id": number, "conversation_message_id": number, "date": int(at), "from_id": author, "peer_id": 9001,
        "out": int(author < 0), "text": text, "version": 1_000 + number, "attachments": [], "fwd_messages": [],
        **other,
    }  # fmt: skip


def update(kind: str, told: Any, *, event: str = "", owner: int = GROUP) -> dict[str, Any]:
    """What a community's server and its long poll are told."""
    name = event or sha256(f"{kind}-{json.dumps(told, sort_keys=True)}".encode()).hexdigest()[:40]
    return {"type": kind, "object": told, "group_id": owner, "event_id": name, "v": "5.199"}


def heard(kind: str, place: dict[str, int], at: float, text: str, **other: Any) -> dict[str, Any]:
    """A frame of the stream; `place` is its event_id."""
    author = other.pop("author", 9001)
    event = {
        "event_type": kind, "event_id": place, "event_url": "https://vk.ru/wall0_0", "text": text, "action": "new",
        "action_time": int(at), "creation_time": int(at), "tags": ["tocsin:1"],
        "author": {"id": author, "author_url": f"https://vk.ru/id{author}", "platform": 7}, **other,
    }  # fmt: skip
    return {"code": 100, "event": event}
