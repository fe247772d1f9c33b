"""What `[[source]] kind = "facebook"` may say."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from ingest.graph.config import GraphConfig

_POLLED = frozenset({"pages"})
_PUSHED = frozenset({"webhook"})
_BELONGS = {
    "every": _POLLED, "backlog_hours": _POLLED, "refresh_hours": _POLLED, "follow_days": _POLLED, "lists": _POLLED,
    "verify_token": _PUSHED, "waiting_posts": _PUSHED,
}  # fmt: skip

List = Literal["feed", "tagged", "visitor_posts", "ratings"]


class Config(GraphConfig):
    """Facebook pages that you manage. There is no search on Facebook: other pages and groups are not heard."""

    kind: Literal["facebook"]
    name: str = Field(default="facebook", min_length=1, description="how logs and cursors call this source")
    via: Literal["pages", "webhook"] = Field(
        default="pages", description="pages: looks at them again and again; webhook: Meta brings what is new"
    )
    pages: tuple[str, ...] = Field(
        default=(),
        max_length=100,
        description="pages by number or by the name in their address (webhook: all that send)",
    )
    lists: tuple[List, ...] = Field(
        default=("feed", "tagged", "ratings"), min_length=1, description='via = "pages": what of a page is looked at'
    )
    follow_days: float = Field(
        default=14, gt=0, le=365, description='via = "pages": how old a post may be whose comments are watched'
    )

    @field_validator("pages")
    @classmethod
    def _one_word_each(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        pages = tuple(dict.fromkeys(page.strip().removeprefix("@") for page in given))
        if not all(page and not any(sign in page for sign in " /?#") for page in pages):
            raise ValueError("name a page by its number or by the last word of its address, not by the whole address")
        return pages

    @model_validator(mode="after")
    def _fits_its_way(self) -> Self:
        self.refuse(self.via, _BELONGS)
        if self.via == "webhook":
            self.require("webhook", "app_secret", "verify_token")
        else:
            self.require("pages", "pages", "token")
        return self
