"""What `[[source]] kind = "instagram"` may say."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from ingest.graph.config import GraphConfig

_MEDIA, _TAGS, _PUSHED = frozenset({"media"}), frozenset({"hashtags"}), frozenset({"webhook"})
_POLLED = _MEDIA | _TAGS
_BELONGS = {
    "every": _POLLED, "backlog_hours": _POLLED, "refresh_hours": _POLLED, "users": _POLLED, "follow_days": _MEDIA,
    "tags": _TAGS, "tags_per_week": _TAGS, "most_pages": _TAGS, "verify_token": _PUSHED, "waiting_posts": _PUSHED,
}  # fmt: skip


class Config(GraphConfig):
    """Professional accounts only: your own media, a few hashtags of the last day, mentions of you."""

    kind: Literal["instagram"]
    name: str = Field(default="instagram", min_length=1, description="how logs and cursors call this source")
    via: Literal["media", "hashtags", "webhook"] = Field(
        default="media",
        description="media: comments on your own; hashtags: what others tag, of the last day; webhook: Meta brings "
        "comments and mentions",
    )
    users: tuple[str, ...] = Field(
        default=(),
        max_length=100,
        description="numbers of your professional accounts; of hashtags one, whose allowance it is",
    )
    tags: tuple[str, ...] = Field(default=(), description='via = "hashtags": hashtags to follow')
    tags_per_week: int = Field(
        default=30, ge=1, description="different hashtags that Instagram lets an account ask for in any seven days"
    )
    most_pages: int = Field(
        default=20,
        ge=1,
        le=200,
        description='via = "hashtags": pages of 50 that one look at a hashtag reads at most',
    )
    follow_days: float = Field(
        default=14, gt=0, le=365, description='via = "media": how old a post may be whose comments are watched'
    )

    @field_validator("users")
    @classmethod
    def _are_numbers(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        if not all(user.isascii() and user.isdigit() for user in given):
            raise ValueError("an account is named by its number (17841...), see the how-to page")
        return tuple(dict.fromkeys(given))

    @field_validator("tags")
    @classmethod
    def _are_words(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        tags = tuple(dict.fromkeys(tag.strip().removeprefix("#").lower() for tag in given))
        if not all(tag and tag.replace("_", "").isalnum() for tag in tags):
            raise ValueError("a hashtag is one word of letters, digits and _")
        return tags

    @model_validator(mode="after")
    def _fits_its_way(self) -> Self:
        self.refuse(self.via, _BELONGS)
        if self.via == "webhook":
            self.require("webhook", "token", "app_secret", "verify_token")
        elif self.via == "media":
            self.require("media", "users", "token")
        else:
            self.require("hashtags", "users", "tags", "token")
            if len(self.users) != 1:
                raise ValueError('via = "hashtags" takes one account: make a source for each')
            if len(self.tags) > self.tags_per_week:
                raise ValueError(
                    f"Instagram allows {self.tags_per_week} different hashtags a week, not {len(self.tags)}"
                )
        return self
