"""An engine over a memory store, with a classifier that answers from the text: for tests of the runtime itself."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from alerting.incidents import IncidentConfig, RouteConfig
from alerting.incidents import build as build_incidents
from alerting.rules.registry import RULES
from domain.brand import Brand
from domain.judgement import Judgeable, Judgement, Sentiment, Urgency
from domain.post import Author, Engagement, Post, Record
from domain.query import BrandMatcher
from storage.store import Store
from tocsin.metrics import Metrics
from tocsin.pipeline import Parts, pipeline
from tocsin.runtimes.engine import Engine
from tocsin.stages import Stage

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
BRANDS = (
    Brand(name="Aurora Air", query="aurora", accounts=("vk:auroraair",)),
    Brand(name="Borealis Jet", query="borealis"),
)


class WordClassifier:
    """Critical where the text says so, negative where it says bad; breaks on request."""

    name = "words-1"

    def classify(self, texts: Sequence[Judgeable]) -> list[Judgement]:
        return [self._judge(text.text) for text in texts]

    def _judge(self, text: str) -> Judgement:
        if "poison" in text:
            raise ValueError("a text that breaks the model")
        urgency: Urgency = "critical" if "fire" in text else "normal" if "bad" in text else "low"
        sentiment: Sentiment = "negative" if urgency != "low" else "neutral"
        return Judgement(
            sentiment=sentiment,
            urgency=urgency,
            theme="safety" if urgency == "critical" else "other",
            model=self.name,
            sentiment_scores={"negative": 0.0, "neutral": 0.0, "positive": 0.0, sentiment: 1.0},
            urgency_scores={"low": 0.0, "normal": 0.0, "high": 0.0, "critical": 0.0, urgency: 1.0},
        )


class EnglishOnly:
    """A detector that knows one language."""

    def detect(self, text: str, *, claimed: str = "") -> tuple[str, float]:
        return (claimed or "en", 1.0) if text else ("und", 0.0)


def clock() -> datetime:
    """Stand still, well after every post."""
    return START + timedelta(days=30)


def stages(classifier: WordClassifier | None = None, brands: Sequence[Brand] = BRANDS) -> list[Stage]:
    """The pipeline list with two of the usual rules."""
    rules = [RULES[kind].load() for kind in ("critical_mention", "spike")]
    return pipeline(
        Parts(
            matcher=BrandMatcher(brands),
            detector=EnglishOnly(),
            classifier=classifier or WordClassifier(),
            rules=[rule.build(rule.Config()) for rule in rules],
            incidents=build_incidents(
                IncidentConfig(), (RouteConfig(receiver="desk", severity="minor"),), receivers=("desk",)
            ),
        )
    )


def build_engine(store: Store, classifier: WordClassifier | None = None, brands: Sequence[Brand] = BRANDS) -> Engine:
    """Build that pipeline over a store."""
    return Engine(stages(classifier, brands), store, clock=clock, metrics=Metrics())


ACTS = ("say", "say", "say", "edit", "delete", "count", "count", "answer", "edit answer", "delete answer")
"""What happens to the post of a number in a script; what is likelier stands there more than once."""


def played(script: Iterable[tuple[int, str, str, int]]) -> list[Record]:
    """Turn a script (number, text, act, minutes) into records; what is edited later has a later version.

    `count` is the last version of a post once more with counters, those of so many minutes after the start: whichever
    snapshot comes first, the later one says more. `answer` is the brand's own reply to that post: another post, which
    may be edited and deleted too.
    """
    made: list[Record] = []
    last: dict[int, Record] = {}
    for place, (number, text, act, minutes) in enumerate(script):
        version = f"{act}{place}" if act.startswith(("edit", "delete")) else ""
        if act.endswith("answer"):
            # Which of its two replies it is depends on the text, so that a post may be answered twice.
            own, gone = 1_000_000 + 2 * number + len(text) % 2, act == "delete answer"
            made.append(record(own, text, minutes=minutes, version=version, deleted=gone, reply_to=str(number)))
            continue
        if act != "count" or number not in last:
            last[number] = record(number, text, minutes=minutes, version=version, deleted=act == "delete")
        # An edit may bring counters too.
        counted = act == "count" or (act == "edit" and len(text) % 2 == 0)
        made.append(recounted(last[number], minutes) if counted else last[number])
    return made


def recounted(heard: Record, minutes: float) -> Record:
    """The same version of a post with counters of so many minutes after the start: one like a minute."""
    counters = Engagement(likes=round(minutes * 60), views=10_000, as_of=START + timedelta(minutes=minutes))
    return replace(heard, post=replace(heard.post, engagement=counters))


def record(
    number: int, text: str, *, minutes: float = 0.0, version: str = "", deleted: bool = False, reply_to: str = ""
) -> Record:
    """Make a recorded post `minutes` after the start; one that replies is by Aurora Air's own account."""
    at = START + timedelta(minutes=minutes)
    post = Post(
        network="vk",
        native_id=str(number),
        text="" if deleted else text,
        created_at=at,
        collected_at=clock(),
        source="kit",
        origin="replay",
        version=version,
        deleted=deleted,
        author=Author(handle="auroraair" if reply_to else f"user{number}", followers=100),
        reply_to=reply_to,
    )
    return Record(post=post, raw=text.encode())
