"""Settings of `kind = "webhook"`."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator

from ingest.records.settings import RowSettings
from ingest.webhook.signatures import Key


class Config(RowSettings):
    """Posts that others send to /webhooks/NAME, signed with a shared secret."""

    kind: Literal["webhook"]
    network: Annotated[
        str, Field(pattern=r"^[\w.-]{1,64}$", description="Network of posts that do not name theirs.")
    ] = "webhook"
    secret: Annotated[
        SecretStr, Field(description="What callers sign with: whsec_... (Standard Webhooks) or any long text.")
    ]
    previous_secret: Annotated[
        SecretStr | None, Field(description="Still accepted while callers change to the new secret.")
    ] = None
    waiting_posts: Annotated[
        int, Field(ge=1, le=1_000_000, description="More posts than this not yet stored: callers are asked to wait.")
    ] = 5_000

    @field_validator("secret", "previous_secret")
    @classmethod
    def _usable(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            Key(value.get_secret_value())
        return value

    def keys(self) -> list[Key]:
        """Return the active keys, the newest first."""
        secrets = [self.secret, self.previous_secret]
        return [Key(secret.get_secret_value()) for secret in secrets if secret is not None]
