"""A mention as a document: fields that people filter and chart by in Kibana, and the mention itself to read back."""

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec
from msgspec import Struct

from domain.ids import stable_id
from domain.judgement import SENTIMENTS, URGENCIES, Judgement
from domain.mention import Mention
from domain.query import terms
from storage.encoding import clean, encode
from storage.facets import facets
from storage.moments import micros
from storage.wording import wording

UNSURE = "…"
"""Stands among the words of a text that has too many: such a text is a candidate for every query. No word is this."""
MOST_WORDS = 20_000
"""Different words of a text that are indexed."""
LONGEST_WORD = 120
"""Letters of a word that are indexed; Elasticsearch cuts at 255 UTF-16 units."""
_LONGEST_KEY = 512
_LONGEST_EXACT = 250
_KEPT_OF_EXACT = 200
_LONGEST_TEXT = 100_000
"""Characters that Kibana searches and shows; the mention itself is kept whole."""
_SMALLEST_RANK = 1.2e-38
_VALUES = {"negative": -1, "neutral": 0, "positive": 1}
_UNJUDGED = Judgement(sentiment="unscored", urgency="unscored", theme="unscored", model="")


class AuthorFields(Struct, omit_defaults=True):
    """Who wrote it."""

    id: str = ""
    name: str = ""
    handle: str = ""
    url: str = ""
    followers: int | None = None
    verified: bool | None = None
    bot: bool | None = None


class MentionDocument(Struct, omit_defaults=True, kw_only=True):
    """The fields that `schema.MENTION` maps. `body` is the mention itself as JSON, the truth that readers decode."""

    timestamp: datetime = msgspec.field(name="@timestamp")
    event_micros: int
    id: str
    brand: str
    network: str
    source: str
    kind: str
    lang: str
    sentiment: str
    urgency: str
    theme: str
    sentiment_value: int | None = None
    sentiment_scores: dict[str, float] = {}
    urgency_scores: dict[str, float] = {}
    toxicity: float | None = None
    review: bool
    review_why: str = ""
    model: str = ""
    corrected_by: str = ""
    reach: float | None = None
    influence: float | None = None
    priority: float | None = None
    priority_rank: float | None = None
    author: AuthorFields
    url: str = ""
    text: str
    title: str = ""
    words: str
    likes: int | None = None
    reposts: int | None = None
    replies: int | None = None
    views: int | None = None
    rating: int | None = None
    story: str = ""
    original: bool
    matched: tuple[str, ...] = ()
    addressed: str = ""
    created_at: datetime
    collected_at: datetime
    edited_at: datetime | None = None
    deleted_at: datetime | None = None
    first_response_at: datetime | None = None
    response_seconds: int | None = None
    post_id: str
    native_id: str
    reply_to: str = ""
    repost_of: str = ""
    body: str


def mention_source(mention: Mention) -> bytes:
    """Return a mention's document as JSON."""
    post, author, engagement = mention.post, mention.post.author, mention.post.engagement
    judgement = mention.judgement or _UNJUDGED
    score, priority = mention.score, mention.score.priority if mention.score else 0.0
    sentiment, urgency, theme, network, lang = facets(mention)
    document = MentionDocument(
        timestamp=mention.event_at,
        event_micros=micros(mention.event_at),
        id=mention.id,
        brand=exact(mention.brand),
        network=exact(network),
        source=post.source,
        kind=post.kind,
        lang=exact(lang),
        sentiment=sentiment,
        urgency=urgency,
        theme=theme,
        sentiment_value=_VALUES.get(sentiment),
        sentiment_scores=_known(judgement.sentiment_scores, SENTIMENTS),
        urgency_scores=_known(judgement.urgency_scores, URGENCIES),
        toxicity=judgement.toxicity,
        review=mention.awaits_review,
        review_why=judgement.review,
        model=judgement.model,
        corrected_by=judgement.corrected_by,
        reach=score.reach if score else None,
        influence=score.influence if score else None,
        priority=score.priority if score else None,
        priority_rank=priority if priority > _SMALLEST_RANK else None,
        author=AuthorFields(
            author.id, author.name, author.handle, author.url, author.followers, author.verified, author.bot
        ),
        url=post.url,
        text=post.text[:_LONGEST_TEXT],
        title=post.title[:_LONGEST_TEXT],
        words=_words(mention),
        likes=engagement.likes,
        reposts=engagement.reposts,
        replies=engagement.replies,
        views=engagement.views,
        rating=post.rating,
        story=mention.story,
        original=mention.story in {"", mention.id},
        matched=mention.matched,
        addressed=exact(mention.addressed),
        created_at=post.created_at,
        collected_at=post.collected_at,
        edited_at=post.edited_at,
        deleted_at=mention.deleted_at,
        first_response_at=mention.first_response_at,
        response_seconds=mention.response_seconds,
        post_id=post.id,
        native_id=post.native_id,
        reply_to=post.reply_to,
        repost_of=post.repost_of,
        body=encode(mention).decode(),
    )
    return encode(document)


def exact(value: str) -> str:
    """A value to filter by, short enough for Elasticsearch to hold however long it is; different ones stay so."""
    value = clean(value)
    return value if len(value) <= _LONGEST_EXACT else value[:_KEPT_OF_EXACT] + stable_id(value)


def key(name: str) -> str:
    """The id of a document named so; Elasticsearch takes 1 to 512 bytes."""
    return (
        name
        if 0 < len(name.encode("utf-8", "surrogatepass")) <= _LONGEST_KEY and clean(name) == name
        else stable_id(name)
    )


def _known(scores: Mapping[str, float], labels: Iterable[str]) -> dict[str, float]:
    """The scores of our own labels: what another model calls its own might be no name of a field."""
    return {label: scores[label] for label in labels if label in scores}


def _words(mention: Mention) -> str:
    """The different words of title and text, which `Query.narrowing` asks for."""
    words = dict.fromkeys(word[:LONGEST_WORD] for word in terms(wording(mention)))
    if len(words) > MOST_WORDS:
        return " ".join([UNSURE, *list(words)[:MOST_WORDS]])
    return " ".join(words)
