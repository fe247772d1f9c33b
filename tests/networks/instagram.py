"""A scripted Instagram: an account with media, comments and answers, hashtags of the last day, mentions elsewhere."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.kit.ingest import NOON
from tests.kit.scripted_http import Asked, Told
from tests.networks.facebook import Thing, time
from tests.networks.graph import GraphNetwork, error

USER, HANDLE = "178410", "auroraair"
TAG_LIMIT = 30
_WEEK = timedelta(days=7)
_MENTIONED = re.compile(r"mentioned_(media|comment)\.(?:media|comment)_id\((\d+)\)\{.+\}")


@dataclass
class Instagram(GraphNetwork):
    """The account `auroraair` (178410). `tags` are hashtags by name: their number and what stands under them."""

    scopes: tuple[str, ...] = ("instagram_basic", "instagram_manage_comments")
    clock: Callable[[], datetime] = lambda: NOON
    media: list[Thing] = field(default_factory=list)
    comments: list[Thing] = field(default_factory=list)
    elsewhere: list[Thing] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    tagged: dict[str, list[Thing]] = field(default_factory=dict)
    asked_tags: dict[str, datetime] = field(default_factory=dict)
    hides_likes: set[str] = field(default_factory=set)
    replies_at_once: int = 2

    def thing(self, id_: str) -> Thing:
        """One medium or comment."""
        held = [
            *self.media,
            *self.comments,
            *self.elsewhere,
            *(one for under in self.tagged.values() for one in under),
        ]
        return next(one for one in held if one.id == id_)

    def delete(self, id_: str) -> None:
        """Take something away, and what stands under it."""
        for held in (self.media, self.comments):
            held[:] = [one for one in held if id_ not in {one.id, one.under, one.answers}]

    def edit(self, id_: str) -> None:
        """Change a text. (Captions can be changed; comments too, here.)"""
        thing = self.thing(id_)
        thing.text = f"Corrected: {thing.text}"

    def answer(self, asked: Asked) -> Told:
        """Answer one request; the allowance of hashtags comes before all."""
        path = asked.path.strip("/").partition("/")[2]
        tag = asked.query.get("q") or next(
            (name for name, id_ in self.tags.items() if path.startswith(f"{id_}/")), ""
        )
        if tag and asked.query.get("access_token") == self.token:
            now = self.clock()
            self.asked_tags = {name: at for name, at in self.asked_tags.items() if at > now - _WEEK}
            if tag not in self.asked_tags and len(self.asked_tags) >= TAG_LIMIT:
                return error(18, 2207034)
            if tag not in self.tags:
                return error(24, 2207024)
            self.asked_tags[tag] = now
        return super().answer(asked)

    def find(self, path: str, asked: Asked) -> dict[str, Any] | None:
        """Answer for the account, its media, a medium's comments, a comment's answers, a hashtag, or any object."""
        name, _, edge = path.partition("/")
        if name == "ig_hashtag_search":
            assert asked.query["user_id"] == USER
            return {"data": [{"id": self.tags[asked.query["q"]]}]}
        if name in self.tags.values():
            assert (edge, asked.query["user_id"]) == ("recent_media", USER)
            return self._recent(next(tag for tag, id_ in self.tags.items() if id_ == name), asked)
        if name == USER:
            return self._account(edge, asked)
        held = [one for one in (*self.media, *self.comments) if one.id == name]
        if not held or not edge:
            return {"id": name} if held else None
        if edge == "replies":
            answers = [self._comment(one) | {"parent_id": name} for one in self.comments if one.answers == name]
            return self.listed(answers, asked)
        assert edge == "comments"
        tops = [one for one in self.comments if one.under == name and not one.answers]
        return self.listed([self._with_answers(one) for one in _newest(tops)], asked)

    def _account(self, edge: str, asked: Asked) -> dict[str, Any] | None:
        if edge == "media":
            return self.listed([self._medium(one, own=True) for one in _newest(self.media)], asked)
        mentioned = _MENTIONED.fullmatch(asked.query["fields"])
        if mentioned is None:
            return {"id": USER, "username": HANDLE, "name": "Aurora Air", "followers_count": 9_000}
        kind, id_ = mentioned[1], mentioned[2]
        held = [one for one in self.elsewhere if one.id == id_]
        if not held:
            return None
        if kind == "media":
            return {"id": USER, "mentioned_media": self._medium(held[0], own=False) | {"username": held[0].by}}
        said = {"id": id_, "text": held[0].text, "timestamp": time(held[0].at), "like_count": held[0].likes}
        on = {"id": held[0].under, "permalink": f"https://www.instagram.com/p/{held[0].under}/"}
        return {"id": USER, "mentioned_comment": said | {"media": on}}

    def _recent(self, tag: str, asked: Asked) -> dict[str, Any]:
        """What was written in the last day, not in order."""
        young = [one for one in self.tagged.get(tag, []) if one.at > self.clock() - timedelta(days=1)]
        mixed = sorted(young, key=lambda one: (hash_of(one.id), one.id))
        assert int(asked.query["limit"]) <= 50
        shown = [self._medium(one, own=False) for one in mixed]
        for one in shown:
            one.pop("username", None)
        return self.listed(shown, asked)

    def _medium(self, thing: Thing, *, own: bool) -> dict[str, Any]:
        count = sum(one.under == thing.id for one in self.comments)
        said: dict[str, Any] = {
            "id": thing.id, "timestamp": time(thing.at), "media_type": "IMAGE", "comments_count": count,
            "permalink": f"https://www.instagram.com/p/{thing.id}/",
        }  # fmt: skip
        said |= {"caption": thing.text} if thing.text else {}
        said |= {"username": HANDLE} if own else {}
        said |= {} if thing.id in self.hides_likes else {"like_count": thing.likes}
        return said | (thing.raw or {})

    def _with_answers(self, thing: Thing) -> dict[str, Any]:
        answers = [self._comment(one) for one in self.comments if one.answers == thing.id]
        if not answers:
            return self._comment(thing)
        first = answers[: self.replies_at_once]
        paging: dict[str, Any] = {"cursors": {"before": "x", "after": first[-1]["id"]}}
        paging |= {"next": "https://graph.facebook.com/next"} if len(answers) > len(first) else {}
        return self._comment(thing) | {"replies": {"data": first, "paging": paging}}

    @staticmethod
    def _comment(thing: Thing) -> dict[str, Any]:
        said = {
            "id": thing.id, "timestamp": time(thing.at), "text": thing.text, "username": thing.by,
            "from": {"id": f"7{thing.by}", "username": thing.by}, "like_count": thing.likes, "hidden": thing.hidden,
        }  # fmt: skip
        return said | (thing.raw or {})


def hash_of(id_: str) -> int:
    """An order that is nobody's."""
    return int(id_) * 7_919 % 101


def _newest(things: list[Thing]) -> list[Thing]:
    return sorted(things, key=lambda one: one.at, reverse=True)


def comment_change(thing: Thing) -> dict[str, Any]:
    """A comment as a webhook tells it."""
    value: dict[str, Any] = {
        "id": thing.id, "text": thing.text, "from": {"id": f"7{thing.by}", "username": thing.by},
        "media": {"id": thing.under, "media_product_type": "FEED"},
    }  # fmt: skip
    return {"field": "comments", "value": value | ({"parent_id": thing.answers} if thing.answers else {})}


def mention_change(media: str, comment: str = "") -> dict[str, Any]:
    """A mention as a webhook tells it: without its words."""
    return {"field": "mentions", "value": {"media_id": media, **({"comment_id": comment} if comment else {})}}


def body(*changes: dict[str, Any], at: datetime = NOON) -> dict[str, Any]:
    """A delivery."""
    return {"object": "instagram", "entry": [{"id": USER, "time": int(at.timestamp()), "changes": list(changes)}]}
