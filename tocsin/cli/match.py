"""`tocsin match`: posts in, the brands they name out."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from domain.errors import Refused
from domain.post import Author, Post
from tocsin.cli.lines import BadLine, Line, batches, complain
from tocsin.cli.options import config_option, epilog, load_config

BATCH = 1000
_NOBODY = Author()
_THEN = datetime(1970, 1, 1, tzinfo=UTC)


class Written(msgspec.Struct):
    """A post as far as a query can look into it."""

    text: str
    id: msgspec.Raw = msgspec.Raw(b"null")
    title: str | None = None
    network: str | None = None
    url: str | None = None
    kind: str | None = None
    lang: str | None = None
    author: Any = None


class Found(msgspec.Struct):
    """A brand and the words of its query that were found."""

    name: str
    matched: tuple[str, ...]


class Answer(msgspec.Struct):
    """What one post names; no brand, no match."""

    id: msgspec.Raw
    brands: list[Found]


@click.command(
    "match", epilog=epilog("tocsin match < posts.jsonl", "tocsin match --config duty.toml < posts.jsonl | jq .brands")
)
@config_option
def command(*, config_file: Path | None) -> int:
    """Find the configured brands in posts: JSON lines {id, text, ...} in, {id, brands: [{name, matched}]} out.

    A line that cannot be read is named on stderr, the rest goes on, and the exit code is 1.
    """
    from domain.query import BrandMatcher
    from processors.match import match
    from processors.normalise import normalise

    matcher = BrandMatcher(load_config(config_file).brands())
    decoder, encoder, bad = msgspec.json.Decoder(Written), msgspec.json.Encoder(), False
    for lines in batches(sys.stdin.buffer, BATCH):
        answers = []
        for line in lines:
            try:
                written = _written(line, decoder)
                mentions = [m for post in normalise(_post(written)) for m in match(post, matcher=matcher)]
                answers.append(Answer(written.id, [Found(m.brand, m.matched) for m in mentions]))
            except (BadLine, Refused) as error:
                complain(line, error)
                bad = True
        sys.stdout.buffer.write(encoder.encode_lines(answers))
        sys.stdout.buffer.flush()
    return 1 if bad else 0


def _written(line: Line, decoder: msgspec.json.Decoder[Written]) -> Written:
    if line.text is None:
        raise BadLine("the line is too long")
    try:
        return decoder.decode(line.text)
    except msgspec.ValidationError as wrong:
        raise BadLine(str(wrong)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
        raise BadLine(f"the line is not JSON: {wrong}") from None


def _post(written: Written) -> Post:
    from ingest.records import values

    return Post(
        network=(written.network or "file").lower(),
        native_id="0",
        text=written.text,
        title=written.title or "",
        url=written.url or "",
        kind=values.kind(written.kind),
        lang=written.lang or "",
        author=values.author(written.author) if written.author is not None else _NOBODY,
        created_at=_THEN,
        collected_at=_THEN,
        source="match",
    )
