"""A YouTube that behaves like it: a key, threads with at most five replies, pages that shift while they are read,
a pinned comment on top, a day's units and another number for searches, etags, and Google's own errors.
"""

import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha1
from html import unescape
from typing import Any

from tests.kit.ingest import SECRET, Failure
from tests.kit.scripted_http import Asked, ScriptedServer, Told, scripted_server
from tests.networks.any_path import AnyPath

API = "/youtube/v3/"
INLINE = 5
"""Replies that come along with a thread."""


def error(status: int, reason: str, detail: str = "", **headers: str) -> Told:
    """A refusal in Google's words."""
    told: dict[str, Any] = {"code": status, "message": "no", "errors": [{"reason": reason, "domain": "youtube"}]}
    if detail:
        told["details"] = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": detail}]
    return Told(status, json.dumps({"error": told}).encode(), headers)


FAILURES: dict[Failure, Told] = {
    "busy": error(429, "rateLimitExceeded", **{"retry-after": "7"}),
    "down": error(500, "backendError"),
    "garbage": Told(200, b'{"items": {"no": "list"}}'),
    "flaky": error(503, "backendError"),
    "revoked": error(400, "badRequest", "API_KEY_INVALID"),
    "huge": Told(200, b" " * 11_000_000),
}


@dataclass
class Comment:
    """A comment, or a reply: `parent` is the thread's id. `text` is HTML, as YouTube keeps it."""

    id: str
    video: str
    at: float
    text: str = "Aurora Air lost my bag"
    author: str = "@inna"
    author_id: str = "UCinna"
    parent: str = ""
    likes: int = 3
    updated: float = 0.0
    broken: dict[str, Any] = field(default_factory=dict)


@dataclass
class Video:
    """A video of a channel."""

    id: str
    channel: str
    at: float
    title: str = "Our new gate"
    text: str = "Aurora Air opens a gate"
    disabled: bool = False
    listed: bool = True
    pinned: str = ""


@dataclass
class Channel:
    """A channel with its handle and its subscribers (None: hidden)."""

    id: str
    handle: str
    subscribers: int | None = 1_200

    @property
    def uploads(self) -> str:
        """Its playlist of all videos."""
        return "UU" + self.id.removeprefix("UC")


@dataclass
class YouTubeServer:
    """What there is, and what is left of the day."""

    server: ScriptedServer
    clock: Callable[[], datetime]
    channels: list[Channel] = field(default_factory=list)
    videos: list[Video] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    arriving: list[Comment] = field(default_factory=list)
    """Comments that are written between two pages, one a page."""
    page: int = 100
    units: int = 10_000
    searches: int = 100
    strict: bool = False
    """Whether one unknown id makes a question about many fail."""
    bare: bool = False
    """Whether a comment that is asked for alone names neither video nor channel."""
    given: list[tuple[str, Any]] = field(default_factory=list)
    """Path and answer of every question that was answered well."""
    spent: int = 0
    searched: int = 0

    def comment(self, native_id: str) -> Comment:
        """One comment."""
        return next(one for one in self.comments if one.id == native_id)

    def video(self, native_id: str) -> Video:
        """One video, by its id or that of its post."""
        return next(one for one in self.videos if one.id == native_id.removeprefix("video/"))

    def edit(self, native_id: str, text: str = "Aurora Air, edited") -> None:
        """Another text."""
        if native_id.startswith("video/"):
            self.video(native_id).text = text
        else:
            self.comment(native_id).text, self.comment(native_id).updated = text, self.clock().timestamp()

    def delete(self, native_id: str) -> None:
        """Gone, with everything below it."""
        video = native_id.removeprefix("video/")
        self.videos = [one for one in self.videos if one.id != video]
        self.comments = [one for one in self.comments if native_id not in {one.id, one.parent} and one.video != video]

    def answer(self, asked: Asked) -> Told:
        """Answer any question."""
        if asked.query.get("key") != SECRET:
            return FAILURES["revoked"]
        method = asked.path.removeprefix(API)
        if method == "search":
            self.searched += 1
            if self.searched > self.searches:
                return error(403, "quotaExceeded")
        else:
            self.spent += 1
            if self.spent > self.units:
                return error(403, "quotaExceeded")
        answers: dict[str, Callable[[dict[str, str]], Any]] = {
            "commentThreads": self._threads, "comments": self._replies, "playlistItems": self._uploads,
            "search": self._search, "channels": self._channels, "videos": self._videos,
        }  # fmt: skip
        told = answers[method](asked.query)
        if isinstance(told, Told):
            return told
        told = {"kind": f"youtube#{method}ListResponse", **told}
        told["etag"] = sha1(json.dumps(told).encode(), usedforsecurity=False).hexdigest()
        if asked.headers.get("if-none-match") == told["etag"]:
            return Told(304)
        self.given.append((asked.path, told))
        return Told(body=json.dumps(told).encode())

    def _threads(self, query: dict[str, str]) -> Any:
        if "id" in query:
            wanted = query["id"].split(",")
            found = [one for one in self._tops() if one.id in wanted]
            if self.strict and len(found) < len(wanted):
                return error(404, "commentThreadNotFound")
            return {"items": [self._thread(one, query) for one in found]}
        pinned = ""
        if "videoId" in query:
            video = next((one for one in self.videos if one.id == query["videoId"]), None)
            if video is None:
                return error(404, "videoNotFound")
            if video.disabled:
                return error(403, "commentsDisabled")
            videos, pinned = {video.id}, video.pinned
        else:
            owner = query["allThreadsRelatedToChannelId"]
            if owner not in {one.id for one in self.channels}:
                return error(404, "channelNotFound")
            videos = {one.id for one in self.videos if one.channel == owner and not one.disabled}
        found = [one for one in self._tops() if one.video in videos]
        found.sort(key=lambda one: (one.id != pinned, -one.at))
        return self._paged(found, query, lambda one: self._thread(one, query))

    def _replies(self, query: dict[str, str]) -> Any:
        if "id" in query:
            wanted = query["id"].split(",")
            found = [one for one in self.comments if one.id in wanted]
            if self.strict and len(found) < len(wanted):
                return error(404, "commentNotFound")
            return {"items": [self._told(one, query, bare=self.bare) for one in found]}
        if not any(one.id == query["parentId"] for one in self.comments):
            return error(404, "parentCommentNotFound")
        found = sorted((one for one in self.comments if one.parent == query["parentId"]), key=lambda one: -one.at)
        return self._paged(found, query, lambda one: self._told(one, query, bare=self.bare))

    def _uploads(self, query: dict[str, str]) -> Any:
        owner = next((one for one in self.channels if one.uploads == query["playlistId"]), None)
        if owner is None:
            return error(404, "playlistNotFound")
        found = sorted((one for one in self.videos if one.channel == owner.id), key=lambda one: -one.at)

        def item(one: Video) -> dict[str, Any]:
            details = {"videoId": one.id, "videoPublishedAt": _time(one.at)}
            return {"kind": "youtube#playlistItem", "id": f"UU.{one.id}", "contentDetails": details}

        return self._paged(found, query, item)

    def _search(self, query: dict[str, str]) -> Any:
        words = re.findall(r'"([^"]+)"', query["q"]) or query["q"].split()
        after = datetime.fromisoformat(query["publishedAfter"]).timestamp()
        found = [one for one in self.videos if one.listed and one.at >= after]
        found = [one for one in found if all(word.lower() in f"{one.title} {one.text}".lower() for word in words)]
        found.sort(key=lambda one: -one.at)

        def result(one: Video) -> dict[str, Any]:
            snippet = {
                "title": one.title.replace("&", "&amp;"),
                "channelId": one.channel,
                "publishedAt": _time(one.at),
            }
            return {"id": {"kind": "youtube#video", "videoId": one.id}, "snippet": snippet}

        return self._paged(found, query, result)

    def _channels(self, query: dict[str, str]) -> Any:
        wanted = query.get("id", "").split(",")
        handle = query.get("forHandle", "").removeprefix("@")
        found = [one for one in self.channels if one.id in wanted or (handle and one.handle == handle)]
        items = []
        for one in found:
            told: dict[str, Any] = {"kind": "youtube#channel", "id": one.id}
            if "snippet" in query["part"]:
                told["snippet"] = {"title": one.handle.title(), "customUrl": f"@{one.handle}"}
            if "contentDetails" in query["part"]:
                told["contentDetails"] = {"relatedPlaylists": {"likes": "", "uploads": one.uploads}}
            if "statistics" in query["part"]:
                hidden = one.subscribers is None
                told["statistics"] = {"viewCount": "9", "hiddenSubscriberCount": hidden}
                told["statistics"] |= {} if hidden else {"subscriberCount": str(one.subscribers)}
            items.append(told)
        return {"items": items} if items else {"pageInfo": {"totalResults": 0, "resultsPerPage": 5}}

    def _videos(self, query: dict[str, str]) -> Any:
        wanted = query.get("id", "").split(",")
        found = [one for one in self.videos if one.id in wanted or "chart" in query]
        return {"items": [self._video(one) for one in found[: 50 if "id" in query else 1]]}

    def _video(self, one: Video) -> dict[str, Any]:
        counts = {"viewCount": "10", "likeCount": "2"}
        if not one.disabled:
            counts["commentCount"] = str(sum(comment.video == one.id for comment in self.comments))
        snippet = {
            "publishedAt": _time(one.at), "channelId": one.channel, "title": one.title, "description": one.text,
            "channelTitle": "Aurora",
        }  # fmt: skip
        return {"kind": "youtube#video", "id": one.id, "snippet": snippet, "statistics": counts}

    def _tops(self) -> list[Comment]:
        return [one for one in self.comments if not one.parent]

    def _thread(self, one: Comment, query: dict[str, str]) -> dict[str, Any]:
        replies = sorted((other for other in self.comments if other.parent == one.id), key=lambda other: -other.at)
        snippet = {
            "videoId": one.video, "channelId": self._owner(one), "topLevelComment": self._told(one, query),
            "canReply": True, "totalReplyCount": len(replies), "isPublic": True,
        }  # fmt: skip
        told = {"kind": "youtube#commentThread", "id": one.id, "snippet": snippet}
        if replies and "replies" in query["part"]:
            told["replies"] = {"comments": [self._told(other, query) for other in replies[:INLINE]]}
        return told

    def _told(self, one: Comment, query: dict[str, str], *, bare: bool = False) -> dict[str, Any]:
        plain = query.get("textFormat") == "plainText"
        snippet: dict[str, Any] = {
            "textDisplay": unescape(re.sub(r"<[^>]*>", "", one.text)) if plain else one.text,
            "authorDisplayName": one.author, "authorChannelUrl": f"http://www.youtube.com/{one.author}",
            "authorChannelId": {"value": one.author_id}, "likeCount": one.likes, "canRate": True,
            "viewerRating": "none", "publishedAt": _time(one.at), "updatedAt": _time(one.updated or one.at),
        }  # fmt: skip
        if not bare:
            snippet |= {"videoId": one.video, "channelId": self._owner(one)}
        if one.parent:
            snippet["parentId"] = one.parent
        return {"kind": "youtube#comment", "id": one.id, "snippet": snippet | one.broken}

    def _owner(self, one: Comment) -> str:
        return next((video.channel for video in self.videos if video.id == one.video), "")

    def _paged(self, found: list[Any], query: dict[str, str], told: Callable[[Any], dict[str, Any]]) -> Any:
        token = query.get("pageToken", "T0")
        if not re.fullmatch(r"T\d+", token):
            return error(400, "invalidPageToken")
        start, size = int(token[1:]), min(self.page, int(query.get("maxResults", "20")))
        answer: dict[str, Any] = {"items": [told(one) for one in found[start : start + size]]}
        answer["pageInfo"] = {"totalResults": len(found), "resultsPerPage": size}
        if start + size < len(found):
            answer["nextPageToken"] = f"T{start + size}"
            if self.arriving:
                self.comments.append(self.arriving.pop(0))
        return answer


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@asynccontextmanager
async def youtube(clock: Callable[[], datetime]) -> AsyncIterator[YouTubeServer]:
    """Serve until the block ends."""
    async with scripted_server() as server:
        scripted = YouTubeServer(server, clock)
        server.answers = AnyPath(scripted.answer)
        yield scripted
