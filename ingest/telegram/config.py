"""What `[[source]] kind = "telegram"` may say."""

import re
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from domain.errors import SourceMisconfigured
from ingest.addresses import split

Via = Literal["bot", "webhook", "mtproto"]

_OF: dict[str, frozenset[Via]] = {
    "token": frozenset({"bot", "webhook"}),
    "chats": frozenset({"bot", "webhook"}),
    "api": frozenset({"bot", "webhook"}),
    "long_poll": frozenset({"bot"}),
    "secret": frozenset({"webhook"}),
    "public_url": frozenset({"webhook"}),
    "waiting_posts": frozenset({"webhook"}),
    "api_id": frozenset({"mtproto"}),
    "api_hash": frozenset({"mtproto"}),
    "session": frozenset({"mtproto"}),
    "channels": frozenset({"mtproto"}),
    "comments": frozenset({"mtproto"}),
    "every": frozenset({"mtproto"}),
    "backlog_hours": frozenset({"mtproto"}),
    "refresh_hours": frozenset({"mtproto"}),
}
_NEEDED: dict[Via, dict[str, str]] = {
    "bot": {"token": "the bot's token, as @BotFather gave it"},
    "webhook": {
        "token": "the bot's token, as @BotFather gave it",
        "secret": "what Telegram is to send in its secret header (setWebhook's secret_token)",
    },
    "mtproto": {
        "api_id": "the number of your application at my.telegram.org",
        "api_hash": "the hash of your application at my.telegram.org",
        "session": "the session string of the account that reads",
        "channels": 'the public channels and groups to read, such as channels = ["@citytalk"]',
    },
}
_USERNAME = re.compile(r"[a-z][a-z0-9_]{2,31}")
_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
_LINK = re.compile(r"^(?:https?://)?(?:t|telegram)\.me/(?:s/)?|^@", re.IGNORECASE)
_PER_MINUTE: dict[Via, int] = {"bot": 600, "webhook": 600, "mtproto": 60}


class Config(BaseModel):
    """A bot hears the chats it is in (`bot` asks, `webhook` is told); `mtproto` reads public channels and groups."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["telegram"]
    name: str = Field(default="telegram", min_length=1, description="how logs and cursors call this source")
    via: Via = Field(
        default="bot",
        description="bot: asks Telegram what a bot heard; webhook: Telegram tells it; mtproto: reads public channels "
        "and groups with a person's account",
    )
    token: SecretStr | None = Field(default=None, description="bot, webhook: the bot's token, as @BotFather gave it")
    chats: tuple[int | str, ...] = Field(
        default=(),
        max_length=100,
        description='bot, webhook: only these groups and channels ("@name" or a number); left out: all that the bot '
        "is in. Private messages to the bot always come",
    )
    api: str = Field(
        default="https://api.telegram.org", description="bot, webhook: where the Bot API is, your own server's too"
    )
    long_poll: int = Field(
        default=50, ge=1, le=600, description="bot: seconds that Telegram may keep a question open while all is quiet"
    )
    secret: SecretStr | None = Field(
        default=None, description="webhook: 1 to 256 of A-Z a-z 0-9 _ -, which Telegram sends with every update"
    )
    public_url: str = Field(
        default="",
        description="webhook: where Telegram reaches this Tocsin, https://host[/path] without /webhooks/NAME; it is "
        "set with Telegram at the start. Left out: you set it yourself",
    )
    waiting_posts: int = Field(
        default=5_000, ge=1, le=1_000_000, description="webhook: with more posts not yet stored, Telegram is put off"
    )
    api_id: int | None = Field(default=None, ge=1, description="mtproto: your application's number")
    api_hash: SecretStr | None = Field(default=None, description="mtproto: your application's hash")
    session: SecretStr | None = Field(
        default=None, description="mtproto: session string of the reading account; as good as its password"
    )
    channels: tuple[str, ...] = Field(
        default=(), max_length=1_000, description='mtproto: public channels and groups, "@name" or t.me/name'
    )
    comments: bool = Field(default=True, description="mtproto: read the comments under a channel's posts too")
    every: float = Field(default=60, ge=5, description="mtproto: seconds between looks at one channel")
    backlog_hours: float = Field(default=24, ge=0, description="mtproto: how far back the first look goes")
    refresh_hours: float = Field(
        default=48, ge=0, description="mtproto: how long counters, edits and deletions of a post are looked at again"
    )
    per_minute: int | None = Field(
        default=None,
        ge=1,
        description="questions to Telegram in a minute; left out: 600 for a bot, 60 for a person's account",
    )

    @field_validator("api", "public_url")
    @classmethod
    def _an_address(cls, given: str) -> str:
        try:
            if given:
                split(given)
        except SourceMisconfigured as mistake:
            raise ValueError(str(mistake)) from None
        return given.rstrip("/")

    @field_validator("chats")
    @classmethod
    def _chats_can_be_told(cls, given: tuple[int | str, ...]) -> tuple[int | str, ...]:
        return tuple(_chat(one) for one in given)

    @field_validator("channels")
    @classmethod
    def _channels_have_names(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(_username(one) for one in given))

    @field_validator("secret")
    @classmethod
    def _telegram_takes_it(cls, given: SecretStr | None) -> SecretStr | None:
        if given is not None and not _SECRET.fullmatch(given.get_secret_value()):
            raise ValueError("Telegram takes 1 to 256 of A-Z a-z 0-9 _ - only: openssl rand -hex 32")
        return given

    @model_validator(mode="after")
    def _of_one_way(self) -> Self:
        for field, ways in _OF.items():
            if field in self.model_fields_set and self.via not in ways:
                raise ValueError(
                    f'`{field}` is for via = "{min(ways)}", not for via = "{self.via}": take it out or change `via`'
                )
        for field, what in _NEEDED[self.via].items():
            if not getattr(self, field):
                raise ValueError(f'via = "{self.via}" needs `{field}`: {what}')
        return self

    @property
    def rate(self) -> int:
        """Questions that may be asked in a minute."""
        return self.per_minute or _PER_MINUTE[self.via]


def _chat(given: int | str) -> int | str:
    text = str(given).strip()
    return int(text) if text.removeprefix("-").isdecimal() else _username(text)


def _username(given: str) -> str:
    name = _LINK.sub("", given.strip()).rstrip("/").lower()
    if not _USERNAME.fullmatch(name):
        raise ValueError(f'"{given[:60]}" is no public name of Telegram: write "@name" or "https://t.me/name"')
    return name
