"""Whatever stands in a file: no exception but an order to the runtime, nothing lost, every cut exact."""

import asyncio
import csv
import io
import tempfile
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import SourceError
from tests.kit.ingest import Harvest
from tests.kit.reading import file_source, read_all
from tests.kit.recordings import START

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELD_NAMES = st.sampled_from(["id", "text", "created_at", "author", "likes", "deleted", "lang", "url", "engagement"])
ROW = st.dictionaries(FIELD_NAMES, JSON, max_size=9) | st.just({"id": "1", "text": "Aurora Air", "created_at": START})


def read(name: str, content: bytes, cursor: bytes | None = None, **options: Any) -> Harvest:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        return asyncio.run(read_all(file_source(path, **options), cursor))


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["a.jsonl", "a.csv", "a.jsonl.gz", "a.csv.zst", "a.parquet"]),
    st.binary(max_size=300)
    | st.lists(st.sampled_from([b'"', b",", b"\n", b"id", b"text", b"{", b"}"])).map(b"".join),
)
def test_any_bytes_are_read_refused_or_misconfigured(name: str, content: bytes) -> None:
    try:
        found = read(name, content)
    except SourceError as error:
        assert str(error)  # noqa: PT017  # any order to the runtime is right; its sentence must not be empty
    else:
        assert found.exhausted


@settings(max_examples=100, deadline=None)
@given(st.lists(ROW, max_size=8))
def test_every_object_becomes_a_post_or_a_dead_letter(rows: list[dict[str, Any]]) -> None:
    good = {"id": "0", "text": "Aurora Air", "created_at": START}
    content = b"".join(msgspec.json.encode(row) + b"\n" for row in [good, *rows])
    found = read("a.jsonl", content)
    assert len(found.posts) + len(found.dead_letters) == len(rows) + 1
    for post in found.posts:
        msgspec.json.decode(msgspec.json.encode(post), type=type(post))


CELL = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12).filter(str.strip)


@settings(max_examples=100, deadline=None)
@given(st.lists(CELL, min_size=1, max_size=6), st.sampled_from([",", ";", "|", "\t"]), st.integers(1, 3), st.data())
def test_csv_comes_back_as_it_was_written_from_any_cut(
    texts: list[str], delimiter: str, page_size: int, data: st.DataObject
) -> None:
    written = io.StringIO(newline="")
    quote_all = data.draw(st.booleans())
    if not quote_all:  # which leaves a carriage return bare, as if it ended the line
        texts = [text.replace("\r", "") for text in texts]
    end = data.draw(st.sampled_from(["\n", "\r\n"]))
    writer = csv.writer(
        written, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL
    )
    writer.writerow(["id", "created_at", "text"])
    writer.writerows([[f"p{number}", START, f"x{text}"] for number, text in enumerate(texts)])
    content = written.getvalue().encode()
    whole = read("a.csv", content, page_size=page_size)
    assert [post.text for post in whole.posts] == [f"x{text}" for text in texts]
    assert not whole.dead_letters
