"""Posts and accounts of X to ours. The API's older names (tweet) and newer ones (post) mean the same."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from domain.dead_letter import RAW_LIMIT, DeadLetter
from domain.errors import Refused
from domain.post import Author, Engagement, Origin, Post, PostKind, Record
from ingest.lenient import UNREADABLE, decode
from ingest.markup import clean, plain_text
from ingest.records.times import read_time
from ingest.records.values import count, language

SITE = "https://x.com"

_EPOCH_MS = 1_288_834_974_657
_SEQUENCE_BITS = 22
_NO_LANGUAGE = {"und", "zxx", "art", "qam", "qct", "qht", "qme", "qst"}
_OLD_CODES = {"in": "id", "iw": "he", "ji": "yi"}


class Person(Struct, frozen=True, array_like=True):
    """An account as far as it is kept: `day` is when it was read, as a day's ordinal."""

    handle: str
    name: str
    followers: int | None
    verified: bool | None
    day: int


class _Reference(Struct):
    type: str = ""
    id: str = ""


class _Note(Struct):
    text: str = ""


class Tweet(Struct, kw_only=True):
    """A post as the API tells it. `history` is the ids of its versions, the first one first."""

    id: str
    text: str | None = None
    created_at: str | None = None
    author_id: str | None = None
    in_reply_to_user_id: str | None = None
    lang: Any = None
    public_metrics: dict[str, Any] | None = None
    entities: dict[str, Any] | None = None
    referenced_tweets: list[_Reference] | None = None
    referenced_posts: list[_Reference] | None = None
    edit_history_tweet_ids: list[str] | None = None
    edit_history_post_ids: list[str] | None = None
    note_tweet: _Note | None = None
    note_post: _Note | None = None

    @property
    def history(self) -> list[str]:
        """Ids of all versions, the first one first."""
        return self.edit_history_tweet_ids or self.edit_history_post_ids or [self.id]

    @property
    def native_id(self) -> str:
        """The id of the first version: each edit has an id of its own."""
        return self.history[0]

    def refers(self, how: str) -> str:
        """The id of the post that this one is about, or nothing."""
        return next((one.id for one in self.referenced_tweets or self.referenced_posts or [] if one.type == how), "")


class Context(Struct, frozen=True, kw_only=True):
    """What is known beside a post.

    `people` are accounts by id, `own` the brands' handles in lower case, `natives` the first id of a post by its
    latest.
    """

    source: str
    at: datetime
    origin: Origin = "live"
    people: Mapping[str, Person] = {}
    own: frozenset[str] = frozenset()
    natives: Mapping[str, str] = {}


def read_tweet(raw: bytes) -> Tweet:
    """Decode a post; raises Refused."""
    try:
        tweet = decode(raw, Tweet)
    except UNREADABLE as error:
        raise Refused("bad_post", f"not a post of X: {error}") from None
    if not all(one.isascii() and one.isdigit() for one in (tweet.id, *tweet.history)):
        raise Refused("bad_post", "the post has no number")
    return tweet


def read_post(tweet: Tweet, raw: bytes, context: Context) -> Record:
    """Make a record; raises Refused."""
    try:
        written = read_time(tweet.created_at, UTC)
    except ValueError:
        raise Refused("bad_date", f"created_at {tweet.created_at!r:.80} is no time") from None
    note = tweet.note_tweet or tweet.note_post
    text = _text((note.text if note else "") or tweet.text or "")
    if not text:
        raise Refused("no_text", "the post has nothing to read")
    person = context.people.get(tweet.author_id or "")
    handle = person.handle if person else ""
    retweeted, replied = tweet.refers("retweeted"), tweet.refers("replied_to")
    kind: PostKind = "repost" if retweeted else "comment" if replied else "post"
    post = Post(
        network="x",
        native_id=tweet.native_id,
        version=tweet.id,
        text=text,
        created_at=_first_written(tweet, written),
        edited_at=written if tweet.id != tweet.native_id else None,
        collected_at=context.at,
        source=context.source,
        origin=context.origin,
        kind=kind,
        url=f"{SITE}/{handle or 'i'}/status/{tweet.id}",
        author=_author(tweet.author_id or "", person),
        lang=_language(tweet.lang),
        engagement=_engagement(tweet.public_metrics or {}, context.at),
        reply_to=context.natives.get(replied, replied),
        repost_of=_repost_of(tweet, context),
        addressed="" if retweeted or handle.lower() in context.own else _addressed(tweet, context),
    )
    return Record(post=post, raw=raw[:RAW_LIMIT])


def refuse(refused: Refused, raw: bytes, *, where: str, source: str, at: datetime) -> DeadLetter:
    """The dead letter of what could not be read."""
    return DeadLetter(
        source=source,
        stage="parse",
        reason=refused.reason,
        detail=refused.detail,
        where=where,
        raw=raw[:RAW_LIMIT],
        at=at,
    )


class _User(Struct):
    id: str
    username: str
    name: str = ""
    verified: Any = None
    public_metrics: dict[str, Any] | None = None


def read_person(raw: bytes, day: int) -> tuple[str, Person] | None:
    """An account by its id; None for one that cannot be read."""
    try:
        user = decode(raw, _User)
    except UNREADABLE:
        return None
    verified = user.verified if isinstance(user.verified, bool) else None
    followers = count((user.public_metrics or {}).get("followers_count"))
    return user.id, Person(clean(user.username), clean(user.name), followers, verified, day)


def earlier(number: str, seconds: int) -> str:
    """The id that a post written so many seconds before this one would have."""
    return str(max(int(number) - (seconds * 1_000 << _SEQUENCE_BITS), 1))


def _first_written(tweet: Tweet, written: datetime) -> datetime:
    """When the first version was written: an edit tells its own time, the id of the first one tells that one's."""
    if tweet.id == tweet.native_id:
        return written
    try:
        first = datetime.fromtimestamp(((int(tweet.native_id) >> _SEQUENCE_BITS) + _EPOCH_MS) / 1_000, UTC)
    except (OverflowError, OSError, ValueError):
        return written
    return min(first, written)


def _text(text: str) -> str:
    """Ampersands and angle brackets arrive as HTML writes them, line breaks as they are."""
    return plain_text(text.replace("\n", "<br>") if "<" in text or "&" in text else text)


def _author(number: str, person: Person | None) -> Author:
    if person is None:
        return Author(id=clean(number))
    return Author(
        id=number,
        name=person.name or person.handle,
        handle=person.handle,
        url=f"{SITE}/{person.handle}",
        followers=person.followers,
        verified=person.verified,
    )


def _engagement(counters: Mapping[str, Any], at: datetime) -> Engagement:
    return Engagement(
        likes=count(counters.get("like_count")),
        reposts=count(counters.get("retweet_count")),
        replies=count(counters.get("reply_count")),
        views=count(counters.get("impression_count")),
        as_of=at,
    )


def _repost_of(tweet: Tweet, context: Context) -> str:
    original = tweet.refers("retweeted") or tweet.refers("quoted")
    return context.natives.get(original, original)


def _addressed(tweet: Tweet, context: Context) -> str:
    """Which of the brands' accounts it answers or mentions: that of the answer first."""
    answered = context.people.get(tweet.in_reply_to_user_id or "")
    mentions = (tweet.entities or {}).get("mentions")
    named = [one.get("username") for one in mentions if isinstance(one, dict)] if isinstance(mentions, list) else []
    handles = [answered.handle if answered else "", *(name for name in named if isinstance(name, str))]
    return next((f"x:{name.lower()}" for name in handles if name.lower() in context.own), "")


def _language(told: Any) -> str:
    code = language(told, "")
    return "" if code in _NO_LANGUAGE else _OLD_CODES.get(code, code)
