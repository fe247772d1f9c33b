"""What `[[source]] kind = "appstore"` may say."""

import re
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from domain.errors import SourceMisconfigured
from ingest.addresses import split

FEED = "https://itunes.apple.com"
CONNECT = "https://api.appstoreconnect.apple.com"

_APP = re.compile(r"\d{5,15}")
_COUNTRY = re.compile(r"[a-z]{2}")


class Config(BaseModel):
    """Reviews of apps: of any app from the public feed, of one's own from App Store Connect."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["appstore"]
    name: str = Field(default="appstore", min_length=1, description="how logs and cursors call this source")
    via: Literal["feed", "connect"] = Field(
        default="feed",
        description="feed: the public feed, any app, no key, best effort; connect: App Store Connect, own apps",
    )
    apps: tuple[str, ...] = Field(
        min_length=1, max_length=50, description="the apps by their numbers, as in apps.apple.com/app/id123456789"
    )
    countries: tuple[str, ...] = Field(
        default=(), max_length=60, description="feed only: the stores to read, two letters each; left out: us"
    )
    key_id: str = Field(default="", description="connect only: the key's ID")
    issuer_id: str = Field(default="", description="connect only: the issuer ID above the list of keys")
    private_key: SecretStr | None = Field(default=None, description="connect only: the content of the key's .p8 file")
    every: float = Field(default=1_800, ge=60, description="seconds between looks at one app in one store")
    backlog_hours: float = Field(default=168, ge=0, description="how far back the first look goes")
    refresh_hours: float = Field(
        default=168, ge=0, le=720, description="how long edits, replies and deletions are looked at"
    )
    api: str = Field(
        default="", description=f"where it is asked; left out: {FEED} for the feed, {CONNECT} for App Store Connect"
    )

    @field_validator("api")
    @classmethod
    def _readable(cls, given: str) -> str:
        if given:
            try:
                split(given)
            except SourceMisconfigured as mistake:
                raise ValueError(str(mistake)) from None
        return given.rstrip("/")

    @field_validator("apps")
    @classmethod
    def _numbers(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        numbers = tuple(one.removeprefix("id") for one in given)
        for one in numbers:
            if not _APP.fullmatch(one):
                raise ValueError(f'"{one}" is no number of an app: take the digits after "id" in its address')
        return tuple(dict.fromkeys(numbers))

    @field_validator("countries")
    @classmethod
    def _letters(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        countries = tuple(one.lower() for one in given)
        for one in countries:
            if not _COUNTRY.fullmatch(one):
                raise ValueError(f'"{one}" is no country of two letters, such as kz, cz, ae, us')
        return tuple(dict.fromkeys(countries))

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        keys = {"key_id": self.key_id, "issuer_id": self.issuer_id, "private_key": self.private_key}
        if self.via == "feed" and any(keys.values()):
            raise ValueError('key_id, issuer_id and private_key are for via = "connect": the feed needs no key')
        if self.via == "connect":
            missing = [name for name, value in keys.items() if not value]
            if missing:
                raise ValueError(f'via = "connect" needs {" and ".join(missing)} as well')
            if self.countries:
                raise ValueError('countries are for via = "feed": App Store Connect tells of all stores at once')
        return self
