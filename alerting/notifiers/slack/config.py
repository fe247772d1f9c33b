"""Settings of a Slack channel."""

from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from alerting.config import ReceiverConfig
from alerting.notifiers.address import check_address


class Config(ReceiverConfig):
    """Which channel, by which right."""

    kind: Literal["slack"] = "slack"
    name: str = Field("slack", min_length=1, max_length=200, description="Unique name; default: the kind.")
    token: SecretStr | None = Field(None, description="Bot token, xoxb-...")
    channel: str = Field("", description="Channel for the bot: #name or id.")
    webhook_url: SecretStr | None = Field(None, description="Incoming webhook instead of a bot.")
    api: str = Field("https://slack.com/api", description="Address of the API, without a slash at the end.")

    @model_validator(mode="after")
    def _one_way_is_given(self) -> Self:
        if bool(self.token) == bool(self.webhook_url):
            raise ValueError("give either token_env = ... with channel = ..., or webhook_url_env = ...")
        if self.token and not self.channel.strip():
            raise ValueError('a bot needs a channel: add channel = "#reputation"')
        check_address(self.api, "api")
        if self.webhook_url:
            check_address(self.webhook_url.get_secret_value(), "webhook_url")
        return self
