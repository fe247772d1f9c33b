"""The query parameters that several answers share, and the refusal of parameters nobody knows."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from litestar import Request
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.params import FromQuery, QueryParameter, SkipValidation

from domain.judgement import Sentiment, Theme, Urgency
from domain.mention import MentionQuery
from domain.period import moment

Clock = Callable[[], datetime]
BeforeRequest = Callable[[Request[Any, Any, Any]], Awaitable[None]]

Text = Annotated[str, QueryParameter(name="query", max_length=4096, description="A brand query in Lucene's syntax.")]
Brand = Annotated[str, QueryParameter(max_length=200, description="A brand's name as configured.")]
Since = Annotated[
    str, QueryParameter(max_length=64, description="From this time on: ISO 8601, or an age such as 2d or 3h.")
]
Until = Annotated[
    str, QueryParameter(max_length=64, description="Before this time: ISO 8601, or an age such as 2d or 3h.")
]
Network = Annotated[str, QueryParameter(max_length=64, description="Network, such as mastodon.")]
Lang = Annotated[str, QueryParameter(max_length=16, description="ISO 639-1 code, or und.")]
Limit = Annotated[int, QueryParameter(ge=1, le=1000, description="At most so many.")]
Offset = Annotated[int, QueryParameter(ge=0, le=1_000_000_000, description="Skip so many.")]
OfSentiment = FromQuery[Sentiment | Literal[""]]
OfUrgency = FromQuery[Urgency | Literal[""]]
OfTheme = FromQuery[Theme | Literal[""]]
Review = Annotated[bool, QueryParameter(description="Only what waits for a person: nobody has judged it yet.")]
Asked = NamedDependency[SkipValidation[MentionQuery]]


def when(name: str, written: str, clock: Clock) -> datetime | None:
    """Read `since` or `until`; empty means no bound. Raises a 400 with the remedy."""
    if not written:
        return None
    try:
        return moment(written, now=clock())
    except ValueError as mistake:
        raise HTTPException(status_code=400, detail=f"{name}: {mistake}") from None


def filters(clock: Clock) -> Callable[..., MentionQuery]:
    """Make the dependency that reads the filters of mentions from the query string."""

    def asked(
        *,
        brand: Brand = "",
        text: Text = "",
        since: Since = "",
        until: Until = "",
        sentiment: OfSentiment = "",
        urgency: OfUrgency = "",
        theme: OfTheme = "",
        network: Network = "",
        lang: Lang = "",
    ) -> MentionQuery:
        return MentionQuery(
            brand=brand,
            text=text,
            since=when("since", since, clock),
            until=when("until", until, clock),
            sentiment=sentiment,
            urgency=urgency,
            theme=theme,
            network=network,
            lang=lang,
        )

    return asked


def only(*known: str) -> BeforeRequest:
    """Refuse a misspelt filter: silently ignored, it would answer a question that nobody asked."""

    async def check(request: Request[Any, Any, Any]) -> None:
        for name in request.query_params:
            if name not in known:
                near = get_close_matches(name, known, n=1)
                remedy = f'did you mean "{near[0]}"?' if near else f"known here: {', '.join(known)}"
                raise HTTPException(status_code=400, detail=f"{name[:64]}: is not a parameter; {remedy}")

    return check


FILTERS = ("brand", "query", "since", "until", "sentiment", "urgency", "theme", "network", "lang")
