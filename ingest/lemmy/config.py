"""What `[[source]] kind = "lemmy"` may say."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from domain.errors import SourceMisconfigured
from ingest.addresses import split


class Config(BaseModel):
    """One Lemmy instance. It tells what its own people write, and what it hears from other instances."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["lemmy"]
    name: str = Field(default="lemmy", min_length=1, description="how logs and cursors call this source")
    api: str = Field(description="address of the instance, such as https://lemmy.example")
    via: Literal["latest", "search"] = Field(
        default="latest",
        description="latest: every new post and comment. search: what its own search finds about the brands",
    )
    communities: tuple[str, ...] = Field(
        default=(), max_length=100, description="these alone, as news or news@lemmy.example; left out: all of them"
    )
    listing: Literal["All", "Local"] = Field(
        default="All", description="All: also what the instance hears from others. Local: its own communities"
    )
    token: SecretStr | None = Field(
        default=None, description="a login token (JWT), for an instance that shows nothing to strangers"
    )
    every: float = Field(default=60, ge=5, description="seconds between looks")
    backlog_hours: float = Field(default=24, ge=0, description="how far back the first look goes")
    refresh_hours: float = Field(
        default=48, ge=0, description="how long counters, edits and deletions of a post are looked at again"
    )
    requests_a_minute: float = Field(default=60, gt=0, description="what the instance allows one reader")
    searches_a_minute: float = Field(default=6, gt=0, description="and one searcher")

    @field_validator("api")
    @classmethod
    def _is_an_address(cls, given: str) -> str:
        try:
            split(given)
        except SourceMisconfigured as mistake:
            raise ValueError(str(mistake)) from None
        return given.rstrip("/")

    @field_validator("communities")
    @classmethod
    def _without_signs(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        named = tuple(dict.fromkeys(one.strip().removeprefix("!") for one in given))
        if not all(one and not set(one) & set(" /?&#") for one in named):
            raise ValueError("write a community as news or news@lemmy.example")
        return named

    @model_validator(mode="after")
    def _search_is_of_everything(self) -> Self:
        if self.via == "search" and self.communities:
            raise ValueError('communities goes with via = "latest": a search is of the whole instance')
        return self
