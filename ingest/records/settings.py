"""The settings that everything made of rows shares: which column is what, and how files are read."""

import codecs
from datetime import UTC, tzinfo
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from domain.post import Origin
from ingest.records.fields import FIELDS, Columns
from ingest.records.formats import Format, Reading
from ingest.records.post import PostReader

_PLAIN = "".join(map(chr, range(128)))


class RowSettings(BaseModel):
    """How rows become posts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1, max_length=100, description="Unique name of this source.")]
    map: Annotated[
        dict[str, str],
        Field(
            description='Field of a post = column, where the names differ: {text = "body", id = "tweet_id"}. '
            "A dotted name looks into nested objects."
        ),
    ] = {}
    network: Annotated[
        str, Field(pattern=r"^[\w.-]{1,64}$", description="Network of rows that do not name theirs.")
    ] = "file"
    lang: Annotated[str, Field(pattern=r"^[a-z]{0,8}$", description="Language of rows that do not name theirs.")] = ""
    timezone: Annotated[str, Field(description="Zone of times that do not name theirs, such as Asia/Almaty.")] = "UTC"

    @field_validator("map")
    @classmethod
    def _known_fields(cls, value: dict[str, str]) -> dict[str, str]:
        unknown = sorted(set(value) - set(FIELDS))
        if unknown:
            raise ValueError(f"no such field: {', '.join(unknown)}; fields are {', '.join(FIELDS)}")
        return value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        zone(value)
        return value

    def posts(self, *, origin: Origin) -> PostReader:
        """Return the reader of this source's rows."""
        return PostReader(
            Columns(self.map),
            source=self.name,
            network=self.network,
            lang=self.lang,
            zone=zone(self.timezone),
            origin=origin,
        )


class FileSettings(RowSettings):
    """How files of rows are read."""

    path: Annotated[
        str,
        Field(
            min_length=1,
            description="A file, or a pattern such as posts/2025-*.csv.gz. CSV and JSONL may be packed "
            "(.gz, .zst). Names that end in .part are left alone.",
        ),
    ]
    format: Annotated[Format, Field(description="Told by the name unless given.")] = "auto"
    delimiter: Annotated[str, Field(max_length=1, description="Of CSV columns; found out unless given.")] = ""
    encoding: Annotated[str, Field(description="Of CSV and JSONL, such as cp1251.")] = "utf-8"
    page_size: Annotated[int, Field(ge=1, le=10_000, description="Posts handed on at a time.")] = 500
    max_record_bytes: Annotated[int, Field(ge=1_000, le=50_000_000, description="Longer rows are refused.")] = (
        1_000_000
    )

    @field_validator("encoding")
    @classmethod
    def _keeps_line_ends(cls, value: str) -> str:
        try:
            name = codecs.lookup(value).name.removesuffix("-sig")
            plain = _PLAIN.encode(name) == _PLAIN.encode("ascii")
        except (LookupError, UnicodeError):
            name, plain = "", False
        if not plain:
            raise ValueError("no such encoding, or one that lines cannot be cut in; save the file as UTF-8")
        return name

    @model_validator(mode="after")
    def _delimiter_is_no_quote(self) -> Self:
        if self.delimiter in {'"', "\n", "\r"}:
            raise ValueError("delimiter cannot be a quote or a line end")
        return self

    def reading(self) -> Reading:
        """Return how this source's files are opened."""
        return Reading(
            columns=Columns(self.map),
            format=self.format,
            delimiter=self.delimiter,
            encoding=self.encoding,
            limit=self.max_record_bytes,
        )


def zone(name: str) -> tzinfo:
    """Return a time zone; UTC needs no zone files. Raises ValueError."""
    if name.upper() == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no time zone here; write one such as Asia/Almaty") from error
