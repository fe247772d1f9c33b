"""A scripted Facebook: pages with posts, visitors' posts, comments and recommendations, as its API shows them."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.kit.ingest import NOON
from tests.kit.scripted_http import Asked
from tests.networks.graph import GraphNetwork

PAGE, HANDLE = "111", "auroraair"
PAGE_TOKEN = "page-token-s3cr3t-0f-the-test"


@dataclass
class Thing:
    """A post, a comment or a review. `under` is the post of a comment, `answers` the comment it answers."""

    id: str
    text: str
    at: datetime
    by: str = "42"
    under: str = ""
    answers: str = ""
    likes: int = 3
    hidden: bool = False
    shares: str = ""
    word: str = ""
    stars: int | None = None
    raw: dict[str, Any] | None = None


def time(at: datetime) -> str:
    """A time as the Graph API writes it."""
    return at.strftime("%Y-%m-%dT%H:%M:%S+0000")


@dataclass
class Facebook(GraphNetwork):
    """One page, `auroraair` (111). Things are kept in the lists they stand in."""

    scopes: tuple[str, ...] = ("pages_read_engagement", "pages_read_user_content")
    feed: list[Thing] = field(default_factory=list)
    tagged: list[Thing] = field(default_factory=list)
    ratings: list[Thing] = field(default_factory=list)
    comments: list[Thing] = field(default_factory=list)
    pinned: str = ""
    gives_page_token: bool = True
    followers: int = 5_000

    def tokens(self) -> set[str]:
        """The person's and the page's."""
        return {self.token, PAGE_TOKEN}

    def things(self) -> list[Thing]:
        """All of them."""
        return [*self.feed, *self.tagged, *self.ratings, *self.comments]

    def thing(self, id_: str) -> Thing:
        """One of them."""
        return next(one for one in self.things() if one.id == id_)

    def delete(self, id_: str) -> None:
        """Take a thing away, and what stands under it."""
        for held in (self.feed, self.tagged, self.ratings, self.comments):
            held[:] = [one for one in held if id_ not in {one.id, one.under}]

    def edit(self, id_: str) -> None:
        """Change a text."""
        thing = self.thing(id_)
        thing.text = f"Corrected: {thing.text}"

    def find(self, path: str, asked: Asked) -> dict[str, Any] | None:
        """Answer for the page, its lists, a post's comments, or any object."""
        name, _, edge = path.partition("/")
        if name in {PAGE, HANDLE}:
            return self._page_list(edge, asked) if edge else self._page()
        held = [one for one in self.things() if one.id == name]
        if not held or not edge:
            return self._shown(held[0], asked.query["fields"]) if held else None
        assert (edge, asked.query["filter"], asked.query["order"]) == ("comments", "stream", "reverse_chronological")
        return self.listed([self._comment(one) for one in self._newest(self.comments) if one.under == name], asked)

    def _shown(self, thing: Thing, fields: str) -> dict[str, Any]:
        said = self._comment(thing) if thing.under else self._post(thing)
        return {"id": thing.id} if fields == "id" else said

    def _page(self) -> dict[str, Any]:
        token = {"access_token": PAGE_TOKEN} if self.gives_page_token else {}
        return {"id": PAGE, "name": "Aurora Air", "username": "AuroraAir", "followers_count": self.followers, **token}

    def _page_list(self, edge: str, asked: Asked) -> dict[str, Any] | None:
        held = {"feed": self.feed, "tagged": self.tagged, "visitor_posts": self.feed, "ratings": self.ratings}[edge]
        things = self._newest(held)
        if since := asked.query.get("since"):
            things = [one for one in things if one.at.timestamp() >= int(since)]
        things = [one for one in things if one.id == self.pinned] + [one for one in things if one.id != self.pinned]
        show = self._review if edge == "ratings" else self._post
        return self.listed([show(one) for one in things], asked)

    @staticmethod
    def _newest(things: list[Thing]) -> list[Thing]:
        return sorted(things, key=lambda one: one.at, reverse=True)

    def _post(self, thing: Thing) -> dict[str, Any]:
        count = sum(one.under == thing.id for one in self.comments)
        said: dict[str, Any] = {
            "id": thing.id, "created_time": time(thing.at), "from": person(thing.by), "is_hidden": thing.hidden,
            "permalink_url": f"https://www.facebook.com/{thing.id}",
            "reactions": {"data": [], "summary": {"total_count": thing.likes}},
            "comments": {"data": [], "summary": {"order": "ranked", "total_count": count}},
        }  # fmt: skip
        said |= {"message": thing.text} if thing.text else {"story": "Aurora Air added a photo."}
        said |= {"parent_id": thing.shares} if thing.shares else {}
        return said | (thing.raw or {})

    @staticmethod
    def _comment(thing: Thing) -> dict[str, Any]:
        said = {
            "id": thing.id, "created_time": time(thing.at), "message": thing.text, "like_count": thing.likes,
            "comment_count": 0, "is_hidden": thing.hidden, "permalink_url": f"https://www.facebook.com/{thing.id}",
        }  # fmt: skip
        said |= {"from": person(thing.by)} if thing.by else {}
        said |= {"parent": {"id": thing.answers}} if thing.answers else {}
        return said | (thing.raw or {})

    @staticmethod
    def _review(thing: Thing) -> dict[str, Any]:
        said = {
            "created_time": time(thing.at), "reviewer": person(thing.by), "review_text": thing.text,
            "recommendation_type": thing.word or None, "rating": thing.stars, "open_graph_story": {"id": thing.id},
        }  # fmt: skip
        return {name: what for name, what in said.items() if what is not None} | (thing.raw or {})


def person(id_: str) -> dict[str, str]:
    """Who wrote something."""
    return {"id": id_, "name": "Aurora Air" if id_ == PAGE else f"Inna {id_}"}


def minutes_ago(number: float) -> datetime:
    """A time before noon."""
    return NOON - timedelta(minutes=number)


def change(thing: Thing, verb: str = "add", **other: Any) -> dict[str, Any]:
    """A change of the feed as a webhook tells it."""
    value: dict[str, Any] = {
        "verb": verb, "created_time": int(thing.at.timestamp()), "from": person(thing.by), "message": thing.text,
        "post": {"permalink_url": f"https://www.facebook.com/{thing.under or thing.id}"},
    }  # fmt: skip
    if thing.under:
        value |= {
            "item": "comment", "comment_id": thing.id, "post_id": thing.under,
            "parent_id": thing.answers or thing.under,
        }  # fmt: skip
    else:
        value |= {"item": "status", "post_id": thing.id}
    return {"field": "feed", "value": {**value, **other}}


def body(*changes: dict[str, Any], page: str = PAGE, at: datetime = NOON) -> dict[str, Any]:
    """A delivery."""
    return {"object": "page", "entry": [{"id": page, "time": int(at.timestamp()), "changes": list(changes)}]}
