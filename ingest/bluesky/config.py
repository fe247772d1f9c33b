"""Settings of `kind = "bluesky"`."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator


class Config(BaseModel):
    """Every public post of Bluesky, tens to hundreds a second; no key is needed. Of the past, the last 36 hours."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["bluesky"]
    name: Annotated[str, Field(min_length=1, max_length=100, description="Unique name of this source.")]
    urls: Annotated[
        tuple[str, ...],
        Field(min_length=1, max_length=10, description="Jetstream servers; the next is tried when one fails."),
    ] = ("wss://jetstream2.us-east.bsky.network/subscribe", "wss://jetstream1.us-west.bsky.network/subscribe")
    page_size: Annotated[int, Field(ge=1, le=10_000, description="Posts handed on at a time.")] = 500

    @field_validator("urls")
    @classmethod
    def _are_websockets(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for url in value:
            parts = urlsplit(url)
            if parts.scheme not in {"ws", "wss"} or not parts.hostname or parts.query:
                raise ValueError("write each as wss://HOST/subscribe, without a query")
        return value
