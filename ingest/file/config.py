"""Settings of `kind = "file"`."""

from typing import Annotated, Literal

from pydantic import Field

from ingest.records.settings import FileSettings


class Config(FileSettings):
    """Posts from files: history, exports, other programs' output."""

    kind: Literal["file"]
    origin: Annotated[
        Literal["replay", "backfill"],
        Field(description="replay: rules run on the posts' own times and may ring. backfill: history, wakes nobody."),
    ] = "replay"
