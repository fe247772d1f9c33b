"""Settings that all sources on the Graph API share."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from domain.errors import SourceMisconfigured
from ingest.addresses import split


class GraphConfig(BaseModel):
    """The credential, the version of the API, and how much may be asked."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    token: SecretStr | None = Field(default=None, description="access token; never ends if it is a system user's")
    app_id: str = Field(
        default="", description="number of your app; with app_secret its token's end can be asked for"
    )
    app_secret: SecretStr | None = Field(
        default=None, description="secret of your app: what Meta signs with, and what proves that the token is yours"
    )
    verify_token: SecretStr | None = Field(
        default=None, description='via = "webhook": the words you typed beside the address in the App Dashboard'
    )
    waiting_posts: int = Field(
        default=5_000,
        ge=1,
        le=1_000_000,
        description='via = "webhook": more posts than this not yet stored: Meta is asked to wait',
    )
    every: float = Field(default=300, ge=5, description="seconds between looks")
    backlog_hours: float = Field(default=24, ge=0, description="how far back the first look goes")
    refresh_hours: float = Field(
        default=48, ge=1, description="how long counters, edits and deletions of a post are looked at again"
    )
    api: str = Field(default="https://graph.facebook.com", description="where the Graph API is")
    version: str = Field(
        default="v25.0", pattern=r"^v\d+\.\d+$", description="its version; each lives about two years"
    )
    calls_per_hour: float = Field(
        default=600, gt=0, description="most calls an hour with this token, however much Meta allows"
    )
    slow_at: float = Field(
        default=75, gt=0, le=100, description="percent of Meta's allowance from which we slow down"
    )
    stop_at: float = Field(
        default=95, gt=0, le=100, description="percent of it from which we wait until Meta says so"
    )

    @field_validator("api")
    @classmethod
    def _readable(cls, given: str) -> str:
        try:
            split(given)
        except SourceMisconfigured as mistake:
            raise ValueError(str(mistake)) from None
        return given.rstrip("/")

    @field_validator("token", "app_secret", "verify_token")
    @classmethod
    def _not_empty(cls, given: SecretStr | None) -> SecretStr | None:
        if given is not None and not given.get_secret_value().strip():
            raise ValueError("it is empty")
        return given

    @model_validator(mode="after")
    def _slows_before_it_stops(self) -> Self:
        if self.slow_at > self.stop_at:
            raise ValueError("slow_at must not be above stop_at")
        return self

    def require(self, via: str, *names: str) -> None:
        """Raise ValueError for settings that this way of listening needs and that are absent."""
        absent = [name for name in names if not getattr(self, name)]
        if absent:
            raise ValueError(f'via = "{via}" needs {", ".join(absent)}')

    def refuse(self, via: str, belongs: Mapping[str, AbstractSet[str]]) -> None:
        """Raise ValueError for settings that were given and belong to other ways of listening."""
        for name, ways in belongs.items():
            if name in self.model_fields_set and via not in ways:
                wanted = " and ".join(f'via = "{way}"' for way in sorted(ways))
                raise ValueError(f'{name} is for {wanted}: leave it out with via = "{via}"')
