"""The HTTP side on a free port with a scripted reader, for tests that ask it as any program would."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import httpx

from console.app import build_app
from console.ports import Explain, Inbox, Readiness
from console.server import serve
from domain.act import AnyAct, Correct
from domain.alert import Alert, Evidence, Reason
from domain.brand import Brand
from domain.correction import corrected
from domain.errors import QueryError, StoreUnavailable
from domain.incident import Incident, IncidentStatus, Step
from domain.judgement import Judgement
from domain.mention import Mention, MentionQuery, Score, mention_id
from domain.post import Author, Engagement, Post
from storage.store import StatRow

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
BRANDS = (
    Brand(name="Aurora Air", query='"aurora air"', accounts=("vk:auroraair",), rivals=("Borealis Jet",)),
    Brand(name="Borealis Jet", query='"borealis jet"'),
)


def mention(
    number: int = 1, *, brand: str = "Aurora Air", sentiment: Literal["negative", "positive"] = "negative"
) -> Mention:
    """A whole mention, every field filled."""
    at = NOW - timedelta(hours=number)
    post = Post(
        network="mastodon",
        native_id=str(number),
        text=f"Рейс {brand} снова отменили, يا للأسف",
        created_at=at,
        collected_at=at,
        source="news",
        url=f"https://social.example.org/{number}",
        author=Author(id="7", name="Инна", handle="inna", followers=1520),
        engagement=Engagement(likes=4, as_of=at),
    )
    judgement = Judgement(
        sentiment=sentiment,
        urgency="high",
        theme="delivery",
        model="test 1",
        sentiment_scores={"negative": 0.9, "neutral": 0.1, "positive": 0.0},
    )
    return Mention(
        id=mention_id("mastodon", str(number), brand),
        brand=brand,
        post=post,
        event_at=at,
        matched=("aurora", "air"),
        lang="ru",
        lang_confidence=0.98,
        judgement=judgement,
        score=Score(reach=0.4, influence=0.2, priority=0.7, parts={"followers": 0.4}),
        story=mention_id("mastodon", "1", brand),
    )


def incident(status: IncidentStatus = "open") -> Incident:
    """An incident with an alert and a timeline."""
    alert = Alert(
        id="a1",
        brand="Aurora Air",
        rule="spike",
        kind="spike",
        group="spike",
        severity="major",
        at=NOW,
        reason=Reason(
            code="spike", observed=47, expected=9.0, threshold=20.0, window_seconds=900, numbers={"ratio": 5.2}
        ),
        evidence=Evidence(networks={"mastodon": 47}),
    )
    return Incident(
        id="4be0c2" + "0" * 26,
        brand="Aurora Air",
        group="spike",
        status=status,
        severity="major",
        opened_at=NOW,
        updated_at=NOW,
        alerts=(alert,),
        alert_count=1,
        mentions=47,
        evidence=alert.evidence,
        timeline=(Step(at=NOW, what="opened", why="spike"),),
    )


@dataclass
class ScriptedReader:
    """Answers from lists and remembers what was asked."""

    mentions: list[Mention] = field(default_factory=lambda: [mention(n) for n in range(1, 4)])
    kept: list[Incident] = field(default_factory=lambda: [incident()])
    asked: list[MentionQuery] = field(default_factory=list)
    acts: list[AnyAct] = field(default_factory=list)
    fails_with: Exception | None = None

    def mention(self, mention_id: str) -> Mention | None:
        """One of the list, as people judge it."""
        told = next((mention for mention in self.mentions if mention.id == mention_id), None)
        return told and corrected(told, [act for act in self.acts if isinstance(act, Correct)])

    def keep(self, act: AnyAct) -> None:
        """Remember it, once."""
        if self.fails_with:
            raise self.fails_with
        if act.id not in {known.id for known in self.acts}:
            self.acts.append(act)

    def search(self, query: MentionQuery) -> list[Mention]:
        """A page of the list."""
        self._take(query)
        return self.mentions[query.offset : query.offset + query.limit]

    def count(self, query: MentionQuery) -> int:
        """All of the list."""
        self._take(query)
        return len(self.mentions)

    def stats(self, query: MentionQuery) -> list[StatRow]:
        """Two brands, three to one."""
        self._take(query)
        empty: dict[str, Any] = {"urgencies": {}, "themes": {}, "networks": {}, "langs": {}}
        return [
            StatRow(
                brand="Aurora Air",
                mentions=3,
                sentiments={"negative": 3},
                answered=2,
                response_seconds=720.0,
                **empty,
            ),
            StatRow(brand="Borealis Jet", mentions=1, sentiments={"positive": 1}, **empty),
        ]

    def incidents(
        self, *, brand: str = "", status: IncidentStatus | Literal[""] = "", limit: int = 50, offset: int = 0
    ) -> list[Incident]:
        """Those of the list that fit."""
        fitting = [i for i in self.kept if brand in {"", i.brand} and status in {"", i.status}]
        return fitting[offset : offset + limit]

    def incident(self, incident_id: str) -> Incident | None:
        """One of the list."""
        return next((i for i in self.kept if i.id == incident_id), None)

    def _take(self, query: MentionQuery) -> None:
        if self.fails_with:
            raise self.fails_with
        self.asked.append(query)


BAD_QUERY = QueryError("unbalanced bracket", position=3, remedy="close it")
FULL_DISK = StoreUnavailable("the disk is full: free some space")


@dataclass
class ScriptedInbox:
    """A webhook source that accepts what carries the right signature."""

    bodies: list[bytes] = field(default_factory=list)

    async def receive(self, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Answer 202, or 401 as a problem."""
        if headers.get("x-signature") != "right":
            problem = b'{"type":"about:blank","title":"Unauthorized","status":401,"detail":"wrong signature"}'
            return 401, {"Content-Type": "application/problem+json"}, problem
        self.bodies.append(body)
        return 202, {"Content-Type": "application/json", "Retry-After": "1"}, b'{"accepted":1}'


@asynccontextmanager
async def console(
    *,
    reader: ScriptedReader | None = None,
    inboxes: Mapping[str, Inbox] | None = None,
    readiness: Readiness | None = None,
    token: str = "",
    host_is_loopback: bool = True,
    explain: Explain | None = None,
) -> AsyncIterator[httpx.AsyncClient]:
    """Serve on a free port until the block ends; the client is pointed at it."""
    app = build_app(
        store=reader or ScriptedReader(),
        brands=BRANDS,
        health=lambda: readiness or Readiness(),
        metrics=lambda: b"tocsin_posts_total 5\n",
        inboxes=inboxes or {},
        clock=lambda: NOW,
        token=token,
        host_is_loopback=host_is_loopback,
        explain=explain,
    )
    stop = asyncio.Event()
    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(app, host="127.0.0.1", port=0, stop=stop, started=address.set_result))
    try:
        async with httpx.AsyncClient(base_url=await address, trust_env=False) as client:
            yield client
    finally:
        stop.set()
        await serving
