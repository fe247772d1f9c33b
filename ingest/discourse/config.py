"""What `[[source]] kind = "discourse"` may say."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from domain.errors import SourceMisconfigured
from ingest.addresses import host_of, split


class Config(BaseModel):
    """One Discourse forum. A public one needs no key."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["discourse"]
    name: str = Field(default="discourse", min_length=1, description="how logs and cursors call this source")
    api: str = Field(description="address of the forum, such as https://forum.example (a path may follow)")
    via: Literal["latest", "search"] = Field(
        default="latest",
        description="latest: every new post of the forum. search: what its own search finds about the brands",
    )
    token: SecretStr | None = Field(default=None, description="API key, for a forum that wants people to log in")
    username: str = Field(default="", description="the user whose API key it is; left out: the key tells")
    owner: str = Field(
        default="",
        description="user name of the account that the whole forum is written to (a brand's own support forum)",
    )
    every: float = Field(default=60, ge=5, description="seconds between looks")
    backlog_hours: float = Field(default=24, ge=0, description="how far back the first look goes")
    refresh_hours: float = Field(
        default=48, ge=0, description="how long counters, edits and deletions of a post are looked at again"
    )
    requests_a_minute: float = Field(default=60, gt=0, description="what the forum allows one reader")

    @field_validator("api")
    @classmethod
    def _is_an_address(cls, given: str) -> str:
        try:
            split(given)
        except SourceMisconfigured as mistake:
            raise ValueError(str(mistake)) from None
        return given.rstrip("/")

    @model_validator(mode="after")
    def _user_has_a_key(self) -> Self:
        if self.username and self.token is None:
            raise ValueError("username goes with token: name both or neither")
        return self

    @property
    def host(self) -> str:
        """What tells the posts and people of this forum from those of others."""
        return host_of(self.api)
