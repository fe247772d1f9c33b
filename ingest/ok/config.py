"""What `[[source]] kind = "ok"` may say."""

import re
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from domain.errors import SourceMisconfigured
from ingest.addresses import split

SHORTEST_NAME = 24
_FEWEST_SIGNS = 10
_OF_GROUPS = (
    "application_key", "application_secret_key", "session_secret_key", "token", "every", "backlog_hours",
    "refresh_hours", "api", "requests_a_minute", "limit_seconds",
)  # fmt: skip


class Config(BaseModel):
    """Groups of Odnoklassniki: their topics and comments by asking, or the messages that people write to one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["ok"]
    name: str = Field(
        default="ok",
        min_length=1,
        max_length=100,
        description='how logs and cursors call this source; with via = "messages" also the secret of its address',
    )
    via: Literal["groups", "messages"] = Field(
        default="groups",
        description="groups: topics and comments of groups. messages: what people write to one group's bot",
    )
    groups: tuple[str, ...] = Field(
        min_length=1, max_length=500, description='numbers of the groups, in quotes; with via = "messages" one alone'
    )
    application_key: str = Field(default="", description="public key of the application")
    application_secret_key: SecretStr | None = Field(
        default=None, description="secret key of the application; or session_secret_key"
    )
    session_secret_key: SecretStr | None = Field(
        default=None, description="secret key of the session that came with an eternal access token"
    )
    token: SecretStr | None = Field(default=None, description="access token with VALUABLE_ACCESS and GROUP_CONTENT")
    every: float = Field(default=60, ge=5, description="seconds between looks")
    backlog_hours: float = Field(default=24, ge=0, description="how far back the first look goes")
    refresh_hours: float = Field(
        default=48, ge=0, description="how long counters, edits and deletions of a post are looked at again"
    )
    api: str = Field(default="https://api.ok.ru", description="where the interface is")
    requests_a_minute: float = Field(default=60, gt=0, description="what the application may ask")
    limit_seconds: float = Field(
        default=300, ge=1, description="how long to wait when the network says LIMIT_REACHED, which names no time"
    )

    @field_validator("api")
    @classmethod
    def _is_an_address(cls, given: str) -> str:
        try:
            split(given)
        except SourceMisconfigured as mistake:
            raise ValueError(str(mistake)) from None
        return given.rstrip("/")

    @field_validator("groups")
    @classmethod
    def _are_numbers(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        named = tuple(dict.fromkeys(one.strip() for one in given))
        if not all(one.isascii() and one.isdecimal() for one in named):
            raise ValueError(
                'write the number of a group, such as "57000000000001": it is in the address of its page'
            )
        return named

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.via == "messages":
            self._refuse_guessable()
            alien = sorted(self.model_fields_set.intersection(_OF_GROUPS))
            if alien:
                raise ValueError(f'{", ".join(alien)}: goes with via = "groups" only')
            if len(self.groups) > 1:
                raise ValueError(
                    'with via = "messages" name one group: a message does not say to which it was written'
                )
            return self
        if not self.application_key or self.token is None:
            raise ValueError("application_key and token (or token_env, token_file) are needed")
        if (self.application_secret_key is None) == (self.session_secret_key is None):
            raise ValueError("one of application_secret_key and session_secret_key is needed, and only one")
        return self

    def _refuse_guessable(self) -> None:
        """Odnoklassniki signs nothing: whoever knows the address can write to it."""
        enough = re.fullmatch(r"[A-Za-z0-9_-]+", self.name) and len(self.name) >= SHORTEST_NAME
        if not enough or len(set(self.name)) < _FEWEST_SIGNS:
            raise ValueError(
                f"the name is the secret of the address that messages come to: give it at least {SHORTEST_NAME}"
                " letters and digits that nobody can guess (openssl rand -hex 16)"
            )
