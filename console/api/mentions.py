"""GET /api/v1/mentions, /api/v1/stats, /api/v1/brands."""

from collections.abc import Sequence

from litestar import get
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct
from msgspec.structs import replace

from console.api import ask
from console.ports import Reader, Share
from console.problem import READING
from domain.brand import Brand
from domain.mention import Mention


class Mentions(Struct, frozen=True, kw_only=True):
    """A page of mentions, newest first, and how many there are in all."""

    mentions: list[Mention]
    total: int
    limit: int
    offset: int


class BrandStats(Struct, frozen=True, kw_only=True):
    """One brand's share of voice (of all brands counted here, 0 to 1) and its counts.

    `answered` are the mentions that the brand's own account replied to, half of them within `response_seconds`.
    """

    brand: str
    mentions: int
    share: float
    sentiments: dict[str, int]
    urgencies: dict[str, int]
    themes: dict[str, int]
    networks: dict[str, int]
    langs: dict[str, int]
    answered: int
    response_seconds: float | None


class Stats(Struct, frozen=True, kw_only=True):
    """Every brand with mentions in the period, most mentions first."""

    mentions: int
    brands: list[BrandStats]


class Brands(Struct, frozen=True, kw_only=True):
    """The brands that are listened for."""

    brands: list[Brand]


def handlers(reader: Reader, brands: Sequence[Brand], clock: ask.Clock) -> list[HTTPRouteHandler]:
    """Routes that read mentions."""
    filters = {"asked": Provide(ask.filters(clock), sync_to_thread=False)}

    @get(
        "/api/v1/mentions",
        sync_to_thread=True,
        dependencies=filters,
        before_request=ask.only(*ask.FILTERS, "review", "limit", "offset"),
        summary="Search mentions",
        operation_id="mentions",
        responses=READING,
    )
    def mentions(
        *, asked: ask.Asked, review: ask.Review = False, limit: ask.Limit = 50, offset: ask.Offset = 0
    ) -> Mentions:
        paged = replace(asked, review=review, limit=limit, offset=offset)
        return Mentions(mentions=reader.search(paged), total=reader.count(paged), limit=limit, offset=offset)

    @get(
        "/api/v1/stats",
        sync_to_thread=True,
        dependencies=filters,
        before_request=ask.only(*ask.FILTERS),
        summary="Share of voice and sentiment per brand",
        operation_id="stats",
        responses=READING,
    )
    def stats(asked: ask.Asked) -> Stats:
        rows = reader.stats(asked)
        total = sum(row.mentions for row in rows)
        return Stats(mentions=total, brands=[_share(row, total) for row in rows])

    @get("/api/v1/brands", sync_to_thread=False, summary="Brands listened for", operation_id="brands")
    def configured() -> Brands:
        return Brands(brands=list(brands))

    return [mentions, stats, configured]


def _share(row: Share, total: int) -> BrandStats:
    return BrandStats(
        brand=row.brand,
        mentions=row.mentions,
        share=row.mentions / total if total else 0.0,
        sentiments=row.sentiments,
        urgencies=row.urgencies,
        themes=row.themes,
        networks=row.networks,
        langs=row.langs,
        answered=row.answered,
        response_seconds=row.response_seconds,
    )
