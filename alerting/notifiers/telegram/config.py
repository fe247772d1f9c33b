"""Settings of a Telegram chat."""

from typing import Literal

from pydantic import Field, SecretStr, field_validator

from alerting.config import ReceiverConfig
from alerting.notifiers.address import check_address


class Config(ReceiverConfig):
    """Which chat, by which bot."""

    kind: Literal["telegram"] = "telegram"
    name: str = Field("telegram", min_length=1, max_length=200, description="Unique name; default: the kind.")
    token: SecretStr = Field(description="The bot's token, as BotFather gave it.")
    chat: int | str = Field(description="Chat id (a number) or @channel; the bot must be in it.")
    topic: int | None = Field(None, description="Topic of a group with topics, by its number.")
    api: str = Field(
        "https://api.telegram.org", description="Address of the Bot API, your own server's if you run one."
    )

    @field_validator("chat")
    @classmethod
    def _a_chat_can_be_addressed(cls, chat: int | str) -> int | str:
        text = str(chat).strip()
        if text.lstrip("-").isdecimal():
            return int(text)
        if not text.startswith("@"):
            raise ValueError('must be a number such as -1001234567890, or a public channel such as "@aurora_alerts"')
        return text

    @field_validator("api")
    @classmethod
    def _the_api_is_an_address(cls, api: str) -> str:
        check_address(api, "api")
        return api
