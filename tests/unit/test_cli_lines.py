import io
import os
import threading
from typing import BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.cli import lines
from tocsin.cli.lines import BadLine, Line, batches, fields, text_field


def read(content: bytes, size: int = 64) -> list[Line]:
    return [line for batch in batches(io.BytesIO(content), size) for line in batch]


def test_lines_are_numbered_from_one_and_empty_ones_are_counted_but_left_out() -> None:
    assert read(b"a\n\n  \nb") == [Line(1, b"a"), Line(4, b"b")]


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    assert read(b"\xef\xbb\xbf{}\n") == [Line(1, b"{}")]


def test_nothing_gives_nothing() -> None:
    assert read(b"") == []


@given(
    st.lists(st.binary(max_size=20).filter(lambda b: b"\n" not in b and b.strip()), max_size=30), st.integers(1, 7)
)
@settings(max_examples=50)
def test_every_line_comes_once_in_order_whatever_the_batch_size(written: list[bytes], size: int) -> None:
    found = read(b"\n".join(written), size)
    assert [line.text for line in found[1:]] == written[1:]
    assert [line.number for line in found] == list(range(1, len(written) + 1))


def test_a_line_that_is_too_long_is_named_and_the_next_one_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "LONGEST_LINE", 10)
    monkeypatch.setattr(lines, "_CHUNK", 4)

    class Dribble(io.BytesIO):
        def read1(self, size: int | None = -1, /) -> bytes:
            return super().read1(min(size or 4, 4))

    content = b"short\n" + b"x" * 50 + b"\nlast\n" + b"y" * 50
    found = [line for batch in batches(Dribble(content)) for line in batch]
    assert found == [Line(1, b"short"), Line(2, None), Line(3, b"last"), Line(4, None)]
    with pytest.raises(BadLine, match="longer than 10 bytes"):
        fields(found[1])


def test_a_line_is_handed_on_before_the_next_one_is_written() -> None:
    reading, writing = os.pipe()
    stream: BinaryIO = os.fdopen(reading, "rb")
    sink = os.fdopen(writing, "wb", buffering=0)
    seen: list[Line] = []
    arrived = threading.Event()

    def listen() -> None:
        for batch in batches(stream):
            seen.extend(batch)
            arrived.set()

    listener = threading.Thread(target=listen)
    listener.start()
    sink.write(b'{"text": "first"}\n')
    assert arrived.wait(30), "the line waits for a full batch"
    assert seen == [Line(1, b'{"text": "first"}')]
    sink.close()
    listener.join()
    stream.close()


def test_fields_keep_the_spelling_of_what_is_not_looked_at() -> None:
    found = fields(Line(1, b'{"n": 1.50, "big": 123456789012345678901234567890, "text": "\\u0430"}'))
    assert bytes(found["n"]) == b"1.50"
    assert bytes(found["big"]) == b"123456789012345678901234567890"
    assert text_field(found, "text") == "\u0430"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"[1]", "must be a JSON object"),
        (b"{", "not JSON"),
        (b"\xff{}", "not UTF-8"),
        (b'{"text": 5}', '"text" must be text'),
        (b"{}", '"text" is missing'),
        (b'{"text": null}', '"text" is missing'),
    ],
)
def test_a_line_that_cannot_be_used_says_why(text: bytes, sentence: str) -> None:
    with pytest.raises(BadLine, match=sentence):
        text_field(fields(Line(1, text)), "text")
