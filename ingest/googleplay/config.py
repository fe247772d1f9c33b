"""What `[[source]] kind = "googleplay"` may say."""

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from domain.errors import SourceMisconfigured
from ingest.addresses import split

_PACKAGE = re.compile(r"[A-Za-z][\w]*(\.[A-Za-z][\w]*)+")


class Config(BaseModel):
    """Reviews of one's own apps, with text, that were written or changed in the last seven days."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["googleplay"]
    name: str = Field(default="googleplay", min_length=1, description="how logs and cursors call this source")
    service_account: SecretStr = Field(description="the JSON key file of a service account, its whole content")
    packages: tuple[str, ...] = Field(
        min_length=1, max_length=50, description="the apps, as Google Play calls them: com.example.app"
    )
    every: float = Field(default=900, ge=60, description="seconds between looks at one app")
    backlog_hours: float = Field(
        default=168, ge=0, le=168, description="how far back the first look goes; Google tells no more than a week"
    )
    refresh_hours: float = Field(
        default=144,
        ge=0,
        le=144,
        description="how long counters, edits, replies and deletions are looked at",
    )
    requests_per_hour: int = Field(default=200, ge=2, description="questions that Google allows in an hour")
    api: str = Field(default="https://androidpublisher.googleapis.com", description="where the interface is")
    token_endpoint: str = Field(
        default="", description="where access tokens come from; left out: as the key file says"
    )

    @field_validator("api", "token_endpoint")
    @classmethod
    def _readable(cls, given: str) -> str:
        if given:
            try:
                split(given)
            except SourceMisconfigured as mistake:
                raise ValueError(str(mistake)) from None
        return given.rstrip("/")

    @field_validator("packages")
    @classmethod
    def _packages(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for one in given:
            if not _PACKAGE.fullmatch(one):
                raise ValueError(f'"{one}" is no package name: write it as the address of the app does')
        return tuple(dict.fromkeys(given))
