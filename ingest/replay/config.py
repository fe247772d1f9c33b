"""Settings of `kind = "replay"`."""

from typing import Annotated, Literal

from pydantic import Field

from ingest.records.settings import FileSettings


class Config(FileSettings):
    """A recorded stream from files, in order of time."""

    kind: Literal["replay"]
    speed: Annotated[
        float, Field(ge=0, le=1e9, description="1: as it happened; 60: a minute a second; 0: as fast as possible.")
    ] = 0.0
    limit: Annotated[int | None, Field(ge=1, description="Play only the first so many posts.")] = None
    rebase: Annotated[
        bool, Field(description="Shift all times so that the first post is written now; for demonstrations.")
    ] = False
