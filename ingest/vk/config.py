"""What `[[source]] kind = "vk"` may say."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from domain.errors import SourceMisconfigured
from ingest.addresses import split
from ingest.vk.api import API, GROUP_RATE, RATE, VERSION
from ingest.vk.names import plain_name

Via = Literal["wall", "search", "stream", "callback", "longpoll"]

DAILY = {"newsfeed.search": 1_000, "wall.get": 5_000}

_POLLED: frozenset[Via] = frozenset({"wall", "search"})
_OF_A_WAY: dict[str, frozenset[Via]] = {
    "communities": _POLLED,
    "queries": frozenset({"search", "stream"}),
    "every": _POLLED,
    "backlog_hours": _POLLED,
    "refresh_hours": _POLLED,
    "comments": frozenset({"wall"}),
    "results_per_query": frozenset({"search"}),
    "batch": _POLLED,
    "calls_per_day": _POLLED,
    "group": frozenset({"callback", "longpoll"}),
    "secret": frozenset({"callback"}),
    "confirmation": frozenset({"callback"}),
    "waiting_posts": frozenset({"callback"}),
    "streaming": frozenset({"stream"}),
    "stream_id": frozenset({"stream"}),
}
"""Settings that mean something in some ways only."""


class Config(BaseModel):
    """VKontakte: walls and their comments, search, the stream, and events of own communities.

    `via` is the way it listens: `wall` reads the walls of `communities` and the comments there; `search` asks for
    what people write anywhere; `stream` is told a sample of it at once; `callback` and `longpoll` hear what happens
    in an own community. One source has one way; several sources may share a token.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    kind: Literal["vk"]
    name: str = Field(default="vk", min_length=1, max_length=100, description="how logs and cursors call this source")
    via: Via = Field(default="wall", description="the way it listens")
    token: SecretStr | None = Field(
        default=None,
        description="a service or user token for wall and search, a service token for stream, the community's for "
        "longpoll (callback: only to look up names)",
    )
    communities: tuple[str, ...] = Field(
        default=(),
        max_length=200,
        description="whose walls: auroraair, club501, id1 or an address; with search they are searched too",
    )
    queries: tuple[str, ...] = Field(
        default=(), max_length=300, description="what to ask for; left out: the phrases of the brands' queries"
    )
    comments: bool = Field(default=True, description="whether the comments under the posts of a wall are read")
    every: float = Field(
        default=60, ge=5, description="seconds between looks; more where the calls of a day would not last"
    )
    backlog_hours: float = Field(default=24, ge=0, description="how far back the first look goes")
    refresh_hours: float = Field(
        default=48, ge=0, description="how long counters, edits and deletions of a post are looked at again"
    )
    group: int | None = Field(default=None, gt=0, description="the number of your community (callback, longpoll)")
    secret: SecretStr | None = Field(default=None, description="the secret key of the community's Callback API")
    confirmation: str = Field(
        default="", max_length=100, description="what the community's Callback API wants to be answered first"
    )
    waiting_posts: int = Field(
        default=5_000, ge=1, description="more posts than this not yet stored: VK is asked to come again (callback)"
    )
    requests_per_second: float | None = Field(
        default=None,
        gt=0,
        le=1_000,
        description=f"requests a second with this token; left out: {RATE:g}, by longpoll and callback {GROUP_RATE:g}",
    )
    calls_per_day: dict[str, int] = Field(
        default=DAILY,
        description="calls of a method in a day at most; what is left out has no limit of ours",
    )
    results_per_query: int = Field(
        default=1_000, ge=1, description="posts that VK gives to one question at most; more are asked for in slices"
    )
    batch: int = Field(default=25, ge=1, le=25, description="calls put into one request (`execute`); 1: none")
    api: str = Field(default=API, description="where VK's API is")
    version: str = Field(default=VERSION, pattern=r"^5\.\d{1,4}$", description="the version of VK's API")
    site: str = Field(default="https://vk.ru", description="where links to posts lead")
    streaming: str = Field(
        default="", description="where the stream is, such as wss://streaming.vk.ru; left out: where VK says"
    )

    stream_id: int = Field(
        default=0, ge=0, description="the number of the stream; VK lets one listener have a number at a time"
    )

    @field_validator("api", "site")
    @classmethod
    def _readable(cls, given: str) -> str:
        try:
            split(given)
        except SourceMisconfigured as mistake:
            raise ValueError(str(mistake)) from None
        return given.rstrip("/")

    @field_validator("streaming")
    @classmethod
    def _streams(cls, given: str) -> str:
        try:
            if given:
                split(given, schemes=("ws", "wss"), wrong="write it as wss://host")
        except SourceMisconfigured as mistake:
            raise ValueError(str(mistake)) from None
        return given.rstrip("/")

    @field_validator("communities")
    @classmethod
    def _named(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(plain_name(name) for name in given))

    @field_validator("confirmation")
    @classmethod
    def _keeps_us(cls, given: str) -> str:
        if given.strip().lower() == "remove" or not given.isascii():
            raise ValueError("this is no confirmation of VK's: on the word remove VK would take our server off")
        return given.strip()

    @field_validator("queries")
    @classmethod
    def _asked(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        queries = tuple(dict.fromkeys(query.strip() for query in given))
        if not all(queries):
            raise ValueError("a query has at least one word")
        return queries

    @field_validator("calls_per_day")
    @classmethod
    def _counted(cls, given: dict[str, int]) -> dict[str, int]:
        for method, most in given.items():
            if "." not in method or most < 1:
                raise ValueError(f'{method} = {most}: write a method and its calls, as {{"newsfeed.search" = 1000}}')
        return {**DAILY, **given}

    @model_validator(mode="after")
    def _fits_its_way(self) -> Self:
        for setting, ways in _OF_A_WAY.items():
            if setting in self.model_fields_set and self.via not in ways:
                wanted = " or ".join(f'"{way}"' for way in sorted(ways))
                raise ValueError(f'`{setting}` means nothing to via = "{self.via}": it belongs to {wanted}')
        needs: dict[Via, tuple[str, ...]] = {
            "wall": ("token", "communities"),
            "search": ("token",),
            "stream": ("token",),
            "callback": ("group", "secret", "confirmation"),
            "longpoll": ("group", "token"),
        }
        missing = [f"`{setting}`" for setting in needs[self.via] if not getattr(self, setting)]
        if missing:
            raise ValueError(f'via = "{self.via}" needs {" and ".join(missing)}')
        return self

    @property
    def rate(self) -> float:
        """Requests a second that the token may send."""
        return self.requests_per_second or (GROUP_RATE if self.via in {"callback", "longpoll"} else RATE)
