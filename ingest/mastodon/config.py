"""Settings of `kind = "mastodon"`."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from domain.errors import SourceMisconfigured
from ingest.addresses import split
from ingest.mastodon.channels import Channel, Timeline


class Config(BaseModel):
    """Hashtags and public timelines of one instance of the Fediverse; of the past, what it still shows."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["mastodon"]
    name: Annotated[str, Field(min_length=1, max_length=100, description="Unique name of this source.")]
    instance: Annotated[str, Field(description="Address of the server, such as https://mastodon.example.")]
    tags: Annotated[tuple[str, ...], Field(max_length=100, description="Hashtags to follow.")] = ()
    streams: Annotated[tuple[Timeline, ...], Field(description="Whole public timelines to follow.")] = ()
    token: Annotated[
        SecretStr | None,
        Field(description="Of an application with read:statuses; without it most servers allow polling at best."),
    ] = None
    poll_seconds: Annotated[
        float, Field(ge=5, le=86_400, description="Between polls, where the server does not stream.")
    ] = 60.0
    respect_opt_out: Annotated[
        bool, Field(description="Leave out authors who write #nobot in their profile or ask not to be indexed.")
    ] = True
    page_size: Annotated[int, Field(ge=1, le=10_000, description="Posts handed on at a time.")] = 500

    @field_validator("instance")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        try:
            parts = split(value)
        except SourceMisconfigured as error:
            raise ValueError(str(error)) from None
        if parts.path.strip("/") or parts.query or parts.username:
            raise ValueError("write scheme and host only, such as https://mastodon.example")
        return value.rstrip("/")

    @field_validator("tags")
    @classmethod
    def _without_signs(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        tags = tuple(tag.strip().removeprefix("#") for tag in value)
        if not all(tag and not any(sign in tag for sign in " #/?&") for tag in tags):
            raise ValueError("a hashtag is one word")
        return tags

    @model_validator(mode="after")
    def _hears_something(self) -> Self:
        if not self.tags and not self.streams:
            raise ValueError('name at least one of tags = ["..."] and streams = ["public"]')
        return self

    def channels(self) -> list[Channel]:
        """Return what is to be followed, without repeats."""
        found = [Channel("hashtag", tag.lower()) for tag in self.tags] + [Channel(name) for name in self.streams]
        return list(dict.fromkeys(found))
