"""Settings of a webhook that is called."""

import base64
import binascii
from typing import Literal

from pydantic import Field, SecretStr, field_validator

from alerting.config import ReceiverConfig
from alerting.notifiers.address import check_address

SHORTEST_SECRET = 16


class Config(ReceiverConfig):
    """Whom to call and with which secret."""

    kind: Literal["webhook"] = "webhook"
    name: str = Field("webhook", min_length=1, max_length=200, description="Unique name; default: the kind.")
    url: SecretStr = Field(description="Address to call; it may hold a token, so it is never shown.")
    secret: SecretStr = Field(description="Shared secret in base64, `whsec_...`; at least 16 bytes.")

    @field_validator("url")
    @classmethod
    def _it_is_an_address(cls, url: SecretStr) -> SecretStr:
        check_address(url.get_secret_value(), "url")
        return url

    @field_validator("secret")
    @classmethod
    def _it_is_a_key(cls, secret: SecretStr) -> SecretStr:
        written = secret.get_secret_value().removeprefix("whsec_")
        try:
            key = base64.b64decode(written + "=" * (-len(written) % 4), validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) < SHORTEST_SECRET:
            raise ValueError(
                'must be base64 of at least 16 bytes: make one with `echo "whsec_$(openssl rand -base64 24)"`'
            )
        return secret
