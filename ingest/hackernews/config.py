"""What `[[source]] kind = "hackernews"` may say."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from domain.errors import SourceMisconfigured
from ingest.addresses import split


class Config(BaseModel):
    """No key is needed. With no `query` every story and comment is read: about ten thousand a day."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["hackernews"]
    name: str = Field(default="hackernews", min_length=1, description="how logs and cursors call this source")
    query: str = Field(default="", description="words that Hacker News itself searches for; left out: everything")
    tags: str = Field(
        default="(story,comment)", description="what is read, in the search service's own words: story, comment, ..."
    )
    every: float = Field(default=60, ge=5, description="seconds between looks")
    backlog_hours: float = Field(default=24, ge=0, description="how far back the first look goes")
    api: str = Field(default="https://hn.algolia.com/api/v1", description="where the search service is")

    @field_validator("api")
    @classmethod
    def _readable(cls, given: str) -> str:
        try:
            split(given)
        except SourceMisconfigured as mistake:
            raise ValueError(str(mistake)) from None
        return given.rstrip("/")
