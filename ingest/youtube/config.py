"""What `[[source]] kind = "youtube"` may say."""

import re
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from domain.errors import SourceMisconfigured
from ingest.addresses import split

_CHANNEL_ID = re.compile(r"UC[\w-]{22}")
_HANDLE = re.compile(r"@?[\w.·-]{3,60}")
_VIDEO = re.compile(r"[\w-]{6,20}")


class Config(BaseModel):
    """Comments under the videos of channels, under single videos, and under videos that a search for brands finds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["youtube"]
    name: str = Field(default="youtube", min_length=1, description="how logs and cursors call this source")
    token: SecretStr = Field(description="the API key of a Google Cloud project with YouTube Data API v3")
    channels: tuple[str, ...] = Field(
        default=(), max_length=100, description="channels, own and others': handles (@auroraair) or ids (UC...)"
    )
    videos: tuple[str, ...] = Field(default=(), max_length=500, description="single videos by their ids")
    search: bool = Field(default=True, description="look for new videos about the brands, within YouTube's own limit")
    every: float = Field(default=300, ge=30, description="seconds between looks; more when the units would not last")
    backlog_hours: float = Field(default=24, ge=0, description="how far back the first look goes")
    refresh_hours: float = Field(
        default=48, ge=0, le=336, description="how long likes, edits, replies and deletions are looked at"
    )
    follow_hours: float = Field(default=72, ge=1, le=720, description="how long a found video is listened to")
    followers: bool = Field(default=True, description="ask how many subscribers authors have: a unit for 50")
    daily_units: int = Field(default=10_000, ge=100, description="units that Google allows the project in a day")
    daily_searches: int = Field(default=100, ge=0, description="searches that Google allows the project in a day")
    search_every: float = Field(default=900, ge=60, description="seconds between searches, all brands together")
    requests_per_minute: int = Field(default=600, ge=1, description="questions that are asked in a minute at most")
    api: str = Field(default="https://youtube.googleapis.com/youtube/v3", description="where the interface is")

    @field_validator("api")
    @classmethod
    def _readable(cls, given: str) -> str:
        try:
            split(given)
        except SourceMisconfigured as mistake:
            raise ValueError(str(mistake)) from None
        return given.rstrip("/")

    @field_validator("channels")
    @classmethod
    def _handles(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for one in given:
            if not (_CHANNEL_ID.fullmatch(one) or _HANDLE.fullmatch(one)):
                raise ValueError(f'"{one}" is no channel: write its handle (@auroraair) or its id (UC...)')
        named = [one if _CHANNEL_ID.fullmatch(one) else f"@{one.removeprefix('@').lower()}" for one in given]
        return tuple(dict.fromkeys(named))

    @field_validator("videos")
    @classmethod
    def _ids(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for one in given:
            if not _VIDEO.fullmatch(one):
                raise ValueError(f'"{one}" is no video: write what stands behind "v=" in its address')
        return tuple(dict.fromkeys(given))

    @model_validator(mode="after")
    def _hears_something(self) -> Self:
        if not (self.channels or self.videos or self.search):
            raise ValueError("name channels or videos, or leave search on")
        return self
