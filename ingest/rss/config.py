"""What `[[source]] kind = "rss"` may say."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from domain.errors import SourceMisconfigured
from ingest.addresses import split


class Config(BaseModel):
    """One feed or several. Addresses may hold tokens, so they are never printed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["rss"]
    name: str = Field(default="rss", min_length=1, description="how logs and cursors call this source")
    url: str = Field(default="", repr=False, description="the address of one feed")
    urls: tuple[str, ...] = Field(default=(), repr=False, description="the addresses of several feeds")
    every: float | None = Field(
        default=None,
        ge=5,
        description="seconds between looks at a feed; left out: 5 to 60 minutes, as often as the feed brings news, "
        "and never sooner than the feed itself asks for",
    )
    network: str = Field(
        default="rss", pattern="^[a-z][a-z0-9_-]*$", description='where people write there: "news", "forum", "blog"'
    )
    lang: str = Field(default="", description="language of the feeds where they do not say it themselves")
    backlog_hours: float = Field(
        default=24, ge=0, description="entries older than that at the first look are history and wake nobody"
    )

    @field_validator("url", "urls")
    @classmethod
    def _readable(cls, given: str | tuple[str, ...]) -> str | tuple[str, ...]:
        for address in (given,) if isinstance(given, str) else given:
            try:
                split(address or "http://absent")
            except SourceMisconfigured as mistake:
                raise ValueError(str(mistake)) from None
        return given

    @model_validator(mode="after")
    def _names_a_feed(self) -> Self:
        if not self.feeds:
            raise ValueError('no feed is named: add url = "https://..." or urls = ["https://...", "https://..."]')
        return self

    @property
    def feeds(self) -> tuple[str, ...]:
        """Every address once, in order."""
        return tuple(dict.fromkeys(address for address in (self.url, *self.urls) if address))
