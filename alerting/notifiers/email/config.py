"""Settings of a mail server and the people to write to."""

from email.utils import parseaddr
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from alerting.config import Names, ReceiverConfig

PORTS = {"starttls": 587, "tls": 465, "none": 25}


class Config(ReceiverConfig):
    """Which server, as whom, to whom."""

    kind: Literal["email"] = "email"
    name: str = Field("email", min_length=1, max_length=200, description="Unique name; default: the kind.")
    host: str = Field(min_length=1, description="The mail server.")
    port: int | None = Field(None, ge=1, le=65_535, description="Default: 587, with tls 465, with none 25.")
    security: Literal["starttls", "tls", "none"] = Field("starttls", description="How the connection is encrypted.")
    username: str = Field("", description="Log in as; default: no login.")
    password: SecretStr | None = Field(None, description="Password of that user.")
    sender: str = Field(description="Address in From.")
    to: Names = Field(min_length=1, description="Addresses to write to.")

    @field_validator("sender")
    @classmethod
    def _the_sender_is_an_address(cls, sender: str) -> str:
        return _address(sender)

    @field_validator("to")
    @classmethod
    def _all_are_addresses(cls, to: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_address(one) for one in to)

    @model_validator(mode="after")
    def _a_password_does_not_travel_in_the_open(self) -> Self:
        if self.password is not None and self.security == "none":
            raise ValueError('a password needs an encrypted connection: security = "starttls" or "tls"')
        if bool(self.username) != (self.password is not None):
            raise ValueError("username and password go together: give both or neither")
        return self

    @property
    def submission_port(self) -> int:
        """The configured port, or the usual one."""
        return self.port or PORTS[self.security]


def _address(written: str) -> str:
    _, address = parseaddr(written)
    local, at, domain = address.rpartition("@")
    if not (local and at and domain) or any(c in written for c in "\r\n\0"):
        raise ValueError(f'"{written[:100]!s}" is not an e-mail address')
    return written
