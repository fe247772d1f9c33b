"""What `[[source]] kind = "reddit"` may say."""

import re
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from domain.errors import SourceMisconfigured
from ingest.addresses import split

_SUBREDDIT = re.compile(r"[A-Za-z0-9_]{2,50}")
_ACCOUNT = re.compile(r"[A-Za-z0-9_-]{2,50}")


class Config(BaseModel):
    """Reddit, with an app that Reddit has approved."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["reddit"]
    name: str = Field(default="reddit", min_length=1, max_length=100, description="how logs and cursors call it")
    client_id: str = Field(min_length=1, description="the app's id, under its name in Reddit's app preferences")
    client_secret: SecretStr = Field(description="the app's secret, from the same place")
    username: str = Field(description="the Reddit account that the app belongs to; Reddit wants it in every request")
    subreddits: tuple[str, ...] = Field(
        default=(), max_length=200, description="communities whose posts and comments are all read"
    )
    comments: bool = Field(default=True, description="read the comments of the subreddits too")
    search: bool = Field(default=True, description="search all of Reddit for posts with the brands' phrases")
    every: float = Field(default=60, ge=5, description="seconds between looks")
    backlog_hours: float = Field(default=24, ge=0, description="how far back the first look goes")
    refresh_hours: float = Field(
        default=48, ge=0, le=168, description="how long scores, edits and deletions of a post are looked at again"
    )
    requests_a_minute: float = Field(default=100, gt=0, description="what Reddit allows one app")
    at_once: int = Field(default=25, ge=1, le=100, description="subreddits that one request asks for")
    api: str = Field(default="https://oauth.reddit.com", description="where Reddit's programming interface is")
    auth: str = Field(default="https://www.reddit.com", description="where Reddit gives tokens")

    @field_validator("api", "auth")
    @classmethod
    def _readable(cls, given: str) -> str:
        try:
            split(given)
        except SourceMisconfigured as mistake:
            raise ValueError(str(mistake)) from None
        return given.rstrip("/")

    @field_validator("username")
    @classmethod
    def _is_an_account(cls, given: str) -> str:
        name = given.strip().removeprefix("/").removeprefix("u/")
        if not _ACCOUNT.fullmatch(name):
            raise ValueError("write the name of a Reddit account, such as aurora_press")
        return name

    @field_validator("subreddits")
    @classmethod
    def _without_signs(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        names = tuple(name.strip().strip("/").removeprefix("r/") for name in given)
        if not all(_SUBREDDIT.fullmatch(name) for name in names):
            raise ValueError("write the names of subreddits alone, such as travel")
        return tuple({name.lower(): name for name in names}.values())

    @model_validator(mode="after")
    def _hears_something(self) -> Self:
        if not self.subreddits and not self.search:
            raise ValueError('name at least one of subreddits = ["..."], or leave search on')
        return self
