"""What `[[source]] kind = "rss"` may say."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from domain.errors import SourceMisconfigured
from ingest.addresses import split

SHORTEST_SECRET = 16


class Config(BaseModel):
    """One feed or several. Addresses may hold tokens, so they are never printed."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

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

    public_url: str = Field(
        default="",
        repr=False,
        description="where hubs reach this Tocsin, https://host[/path] without /webhooks/NAME: then feeds with a "
        "hub (WebSub) are heard at once",
    )
    secret: SecretStr | None = Field(
        default=None, description="with public_url: any long text; what hubs sign with is made from it"
    )
    lease_seconds: int = Field(
        default=864_000, ge=300, description="with public_url: how long a hub is asked to tell us"
    )
    pushed_every: float = Field(
        default=21_600, ge=5, description="with public_url: seconds between looks at a feed while its hub tells us"
    )
    waiting_posts: int = Field(
        default=5_000,
        ge=1,
        le=1_000_000,
        description="with public_url: more posts than this wait: hubs send again later",
    )

    @field_validator("url", "urls", "public_url")
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

    @model_validator(mode="after")
    def _can_be_told(self) -> Self:
        if "/webhooks/" in self.public_url:
            raise ValueError("public_url: leave /webhooks/NAME out, the hubs are told of it")
        pushing = {"secret", "lease_seconds", "pushed_every", "waiting_posts"} & self.model_fields_set
        if pushing and not self.public_url:
            raise ValueError(f"{', '.join(sorted(pushing))} goes with public_url: hubs must be able to reach us")
        if self.public_url and (self.secret is None or len(self.secret.get_secret_value()) < SHORTEST_SECRET):
            raise ValueError(f"public_url needs secret, a text of at least {SHORTEST_SECRET} characters")
        return self

    @property
    def feeds(self) -> tuple[str, ...]:
        """Every address once, in order."""
        return tuple(dict.fromkeys(address for address in (self.url, *self.urls) if address))
