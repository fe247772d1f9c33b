"""YouTube Data API v3 as far as it is asked: what each question costs, and what each refusal means."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Literal

from domain.errors import RetryLater, SourceMisconfigured, SourceStopped
from domain.ids import stable_id
from ingest.bounded import AnswerTooLarge
from ingest.budget import Budget, Spent
from ingest.google import ERRORS, reasons
from ingest.http import Answer as HttpAnswer
from ingest.http import PoliteClient
from ingest.passes import StaleToken
from ingest.waiting import asked_wait
from ingest.youtube.config import Config
from ingest.youtube.parse import NETWORK, Answer, ChannelRaw, read_answer, read_channels

PACIFIC = "America/Los_Angeles"
BATCH = 50
"""Ids in one question."""
DAY = 86_400

_MOST = (100, 20, 4)
_WEEK = 7 * DAY
_BUSY, _NOT_MODIFIED = 429, 304
_REFUSED = frozenset({401, 403})
_QUOTA = frozenset({"quotaExceeded", "dailyLimitExceeded", "dailyLimitExceededUnreg"})
_RATE = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED"})
_FAILED = frozenset({"processingFailure", "backendError", "internalError", "SERVICE_UNAVAILABLE"})
_NOT_THERE = frozenset({
    "videoNotFound", "channelNotFound", "playlistNotFound", "playlistItemsNotAccessible", "channelClosed",
    "channelSuspended",
})  # fmt: skip
_NO_COMMENT = frozenset({"commentNotFound", "commentThreadNotFound", "parentCommentNotFound"})
_STOPS = (
    (
        frozenset({"keyInvalid", "keyExpired", "API_KEY_INVALID", "API_KEY_EXPIRED"}),
        "YouTube does not accept the API key: copy it again from the Google Cloud console, or make a new one",
    ),
    (
        frozenset({"accessNotConfigured", "SERVICE_DISABLED"}),
        "YouTube Data API v3 is not enabled for the key's project: enable it in the Google Cloud console",
    ),
    (
        frozenset({
            "ipRefererBlocked", "API_KEY_IP_ADDRESS_BLOCKED", "API_KEY_HTTP_REFERRER_BLOCKED",
            "API_KEY_SERVICE_BLOCKED",
        }),
        "the API key is restricted to other addresses or other services: allow this machine and YouTube Data API v3",
    ),
)  # fmt: skip


class Dropped(Exception):  # an order, as the errors of the domain are
    """One channel, video or playlist cannot be read for so many `seconds`; the others can."""

    def __init__(self, why: str, *, seconds: int) -> None:
        super().__init__(why)
        self.why, self.seconds = why, seconds


class NotThere(Exception):  # the same
    """A comment or thread that was asked for by its id is not there."""


class YouTube:
    """Asks with a key, and counts what that costs. `share` is the part of the daily units that may be spent."""

    def __init__(
        self, config: Config, *, client: PoliteClient, clock: Callable[[], datetime], share: float = 1.0
    ) -> None:
        self._config, self._client, self._clock = config, client, clock
        self.units, self.searches = Spent(), Spent()
        self._units = Budget(what="YouTube units", most=config.daily_units * share, zone=PACIFIC)
        self._searches = Budget(what="YouTube searches", most=config.daily_searches, zone=PACIFIC)
        self._key = stable_id(NETWORK, config.token.get_secret_value())
        client.limit(self._key, requests=config.requests_per_minute, seconds=60)

    def resume(self, units: Spent, searches: Spent) -> None:
        """Take over what was spent, where that is more than is known here."""
        self.units = max(self.units, units, key=lambda spent: (spent.period, spent.amount))
        self.searches = max(self.searches, searches, key=lambda spent: (spent.period, spent.amount))

    def left(self) -> float:
        """How many units are left today."""
        return self._units.left(self.units, self._clock())

    def searches_left(self) -> float:
        """How many searches are left today."""
        return self._searches.left(self.searches, self._clock())

    def seconds_left(self) -> float:
        """How long today is still, where YouTube counts its days."""
        now = self._clock()
        return (self._units.ends(now) - now).total_seconds()

    async def threads(self, *, token: str = "", etag: str = "", **of: str) -> Answer | None:
        """List threads, newest first, of `allThreadsRelatedToChannelId` or `videoId`; None where nothing changed."""
        asked = {"part": "snippet,replies", "order": "time", "textFormat": "plainText", **of}
        return await self._listed("commentThreads", asked, token=token, etag=etag)

    async def threads_by_id(self, ids: Sequence[str]) -> Answer:
        """List these threads; those that are gone are not listed. Raises NotThere."""
        return await self._list(
            "commentThreads", {"part": "snippet,replies", "textFormat": "plainText", "id": ",".join(ids)}
        )

    async def replies(self, thread: str, *, token: str = "") -> Answer:
        """List the replies of a thread."""
        asked = {"part": "snippet", "parentId": thread, "textFormat": "plainText"}
        return await self._listed("comments", asked, token=token) or Answer()

    async def comments_by_id(self, ids: Sequence[str]) -> Answer:
        """List these comments; those that are gone are not listed. Raises NotThere."""
        return await self._list("comments", {"part": "snippet", "textFormat": "plainText", "id": ",".join(ids)})

    async def uploads(self, playlist: str, *, token: str = "", etag: str = "") -> Answer | None:
        """List the videos of a channel, newest first; None where nothing changed."""
        asked: dict[str, str | int] = {"part": "contentDetails", "playlistId": playlist, "maxResults": BATCH}
        return await self._ask("playlistItems", {**asked, **_token(token)}, etag=etag)

    async def videos(self, ids: Sequence[str]) -> Answer:
        """List these videos with their counters."""
        return await self._list("videos", {"part": "snippet,statistics", "id": ",".join(ids), "maxResults": BATCH})

    async def channels(self, ids: Sequence[str], *, part: str = "snippet,contentDetails") -> list[ChannelRaw]:
        """Describe these channels."""
        asked: dict[str, str | int] = {"part": part, "id": ",".join(ids), "maxResults": BATCH}
        return read_channels((await self._list("channels", asked)).items)

    async def channel(self, handle: str) -> list[ChannelRaw]:
        """Describe the channel with this handle, if there is one."""
        asked = {"part": "snippet,contentDetails", "forHandle": handle}
        return read_channels((await self._list("channels", asked)).items)

    async def search(self, phrase: str, *, after: datetime, token: str = "") -> Answer:
        """Look for videos that were published after a moment, newest first."""
        asked: dict[str, str | int] = {
            "part": "snippet", "type": "video", "order": "date", "maxResults": BATCH, "q": phrase,
            "publishedAfter": after.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }  # fmt: skip
        return await self._ask("search", {**asked, **_token(token)}, bucket="searches") or Answer()

    async def popular(self) -> Answer:
        """List the most popular video: a question that any key may ask."""
        return await self._list("videos", {"part": "id", "chart": "mostPopular", "maxResults": 1})

    async def _listed(self, path: str, asked: dict[str, str], *, token: str, etag: str = "") -> Answer | None:
        """Ask for as many as can be had; for fewer where the answer is too large."""
        for most in _MOST:
            try:
                return await self._ask(path, {**asked, "maxResults": most, **_token(token)}, etag=etag)
            except AnswerTooLarge:
                if most == _MOST[-1]:
                    raise
        return None

    async def _list(self, path: str, asked: Mapping[str, str | int]) -> Answer:
        return await self._ask(path, {**asked}) or Answer()

    async def _ask(
        self,
        path: str,
        asked: dict[str, str | int],
        *,
        etag: str = "",
        bucket: Literal["units", "searches"] = "units",
    ) -> Answer | None:
        self._spend(bucket)
        reply = await self._client.get(
            f"{self._config.api}/{path}",
            params={**asked, "key": self._config.token.get_secret_value()},
            headers={"if-none-match": etag} if etag else {},
            limiter_key=self._key,
            accept_status=(*ERRORS, _NOT_MODIFIED),
        )
        if reply.status == _NOT_MODIFIED:
            return None
        if reply.status in ERRORS:
            self._judge(reply, path, bucket)
        return read_answer(reply.body)

    def _spend(self, bucket: Literal["units", "searches"]) -> None:
        """Each question costs one, whatever comes of it."""
        now = self._clock()
        if bucket == "units":
            self.units = self._units.spend(self.units, 1, now)
        else:
            self.searches = self._searches.spend(self.searches, 1, now)

    def _judge(self, reply: HttpAnswer, path: str, bucket: Literal["units", "searches"]) -> None:
        """Turn a refusal into an order."""
        now, why = self._clock(), reasons(reply.body)
        if why & _QUOTA:
            if bucket == "units":
                self.units = self._units.used_up(now)
                raise self._units.over(now)
            self.searches = self._searches.used_up(now)
            raise self._searches.over(now)
        if reply.status == _BUSY or why & _RATE:
            raise RetryLater("YouTube asks us to come back later: too fast", after=asked_wait(reply.headers, now))
        if why & _FAILED:
            raise RetryLater(f"YouTube fails for now ({reply.status})")
        _judge_one(why)
        said = ", ".join(sorted(why)) or reply.status
        for words, sentence in _STOPS:
            if why & words:
                raise SourceStopped(sentence)
        if reply.status in _REFUSED:
            raise SourceStopped(
                f"YouTube refuses the key for {path} ({said}): see its restrictions and rights in the Google Cloud "
                "console"
            )
        raise SourceMisconfigured(
            f"YouTube does not understand the question for {path} ({said}): check api, channels and videos"
        )


def _judge_one(why: frozenset[str]) -> None:
    """What concerns one object only."""
    if "commentsDisabled" in why:
        raise Dropped("comments are switched off", seconds=DAY)
    if why & _NOT_THERE:
        raise Dropped("YouTube does not show it (deleted, private or blocked)", seconds=_WEEK)
    if why & _NO_COMMENT:
        raise NotThere
    if "invalidPageToken" in why:
        raise StaleToken


def _token(token: str) -> dict[str, str]:
    return {"pageToken": token} if token else {}
