"""What `[[source]] kind = "googleplus"` may say."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Config(BaseModel):
    """An archive of Google Takeout with the Google+ stream in JSON. Nothing else is left of that network."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["googleplus"]
    name: str = Field(default="googleplus", min_length=1, description="how logs and cursors call this source")
    path: str = Field(
        min_length=1, description="the unpacked folder, the .zip, or a pattern for an archive in parts: takeout-*.zip"
    )
    private: bool = Field(default=False, description="also posts that were not shown to everyone")
    page_size: int = Field(default=500, ge=1, le=10_000, description="posts handed on at a time, but whole files")
    max_file_bytes: int = Field(
        default=10_000_000, ge=1_000, le=100_000_000, description="larger files are refused, counted when unpacked"
    )
