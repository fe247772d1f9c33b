"""What `[[source]] kind = "x"` may say."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from domain.errors import SourceMisconfigured
from ingest.addresses import split

_LONGEST_RULE = 1_024

_ONE_WAY = {"every": "search", "rule_length": "stream"}


class Config(BaseModel):
    """X, paid by the post: two caps in dollars stop this source, never Tocsin."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["x"]
    name: str = Field(default="x", min_length=1, max_length=100, description="how logs and cursors call this source")
    via: Literal["stream", "search"] = Field(
        default="stream", description="the filtered stream (seconds), or recent search every so often (minutes)"
    )
    token: SecretStr = Field(description="the app-only bearer token of an app in X's developer console")
    queries: tuple[str, ...] = Field(
        default=(), max_length=100, description="in X's own query language; left out: made of the brands' queries"
    )
    filter: str = Field(
        default="", max_length=200, description="added to every query made of brands, such as lang:ru -is:nullcast"
    )
    retweets: bool = Field(
        default=False, description="read retweets too, each at the price of a post; quotes are always read"
    )
    daily_cap: float = Field(default=5.0, gt=0, description="dollars to spend in a day (UTC) at most")
    monthly_cap: float = Field(default=100.0, gt=0, description="dollars to spend in a month (UTC) at most")
    post_price: float = Field(default=0.005, ge=0, description="dollars for reading a post")
    user_price: float = Field(default=0.01, ge=0, description="dollars for reading an account")
    count_price: float = Field(default=0.005, ge=0, description="dollars for asking how much a query finds")
    authors: bool = Field(
        default=True, description="read names and follower counts of accounts not known yet, at user_price each"
    )
    every: float = Field(default=60, ge=5, description="seconds between looks (search)")
    backlog_hours: float = Field(default=1, ge=0, le=168, description="how far back the first look goes")
    refresh_hours: float = Field(
        default=48, ge=0, le=168, description="how long counters, edits and deletions of a post are looked at again"
    )
    rule_length: int = Field(
        default=1_000, ge=100, le=_LONGEST_RULE, description="characters of a rule at most (stream)"
    )
    query_length: int = Field(default=512, ge=100, le=4_096, description="characters of a search at most")
    requests: int = Field(default=300, ge=1, description="requests to each endpoint in 15 minutes")
    connects: int = Field(default=50, ge=1, description="connections to the stream in 15 minutes")
    names: Literal["tweet", "post"] = Field(
        default="tweet",
        description="what X calls its fields in questions: tweet.fields or, newer, post.fields",
    )
    api: str = Field(default="https://api.x.com", description="where X's programming interface is")

    @field_validator("api")
    @classmethod
    def _readable(cls, given: str) -> str:
        try:
            split(given)
        except SourceMisconfigured as mistake:
            raise ValueError(str(mistake)) from None
        return given.rstrip("/")

    @field_validator("queries")
    @classmethod
    def _not_too_long(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        queries = tuple(dict.fromkeys(query.strip() for query in given))
        if not all(queries):
            raise ValueError("a query is empty")
        if any(len(query) > _LONGEST_RULE for query in queries):
            raise ValueError(f"X takes no query of more than {_LONGEST_RULE} characters: write it as two")
        return queries

    @model_validator(mode="after")
    def _fits_the_way(self) -> Self:
        for field, way in _ONE_WAY.items():
            if field in self.model_fields_set and self.via != way:
                raise ValueError(f'{field} has no meaning with via = "{self.via}": leave it out')
        if self.queries and self.filter:
            raise ValueError("filter is added to queries made of brands: write it into your own queries yourself")
        if self.via == "search" and any(len(query) > self.query_length for query in self.queries):
            raise ValueError(f"X searches for no query of more than {self.query_length} characters: write it as two")
        return self
