"""The bad input of real files: a dead letter with its reason or a clear error; the rest goes on; nothing is lost."""

import gzip
import json
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from domain.dead_letter import RAW_LIMIT
from domain.errors import SourceMisconfigured
from tests.kit.reading import complaints, file_source, read_all
from tests.kit.recordings import START, row, write, write_csv, write_jsonl, write_parquet


async def test_a_missing_column_stops_the_source_with_the_columns_found(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", [{"tweet": "Aurora Air", "when": "2025-01-01", "user": "x"}])
    source = file_source(tmp_path / "a.csv")
    for call in (source.check, lambda: source.fetch(None)):
        with pytest.raises(
            SourceMisconfigured, match=r"no column `text` and `created_at`.*tweet, when, user.*map = "
        ):
            await call()


async def test_a_mapped_column_that_is_not_there_stops_the_source(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", [row(1)])
    with pytest.raises(SourceMisconfigured, match=r"no column `stars`.*id, text, created_at"):
        await file_source(tmp_path / "a.parquet", map={"rating": "stars"}).check()


async def test_objects_that_never_have_the_mapped_text_stop_the_source(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", [row(number) for number in range(3)])
    with pytest.raises(SourceMisconfigured, match="no column `body`"):
        await read_all(file_source(tmp_path / "a.jsonl", map={"text": "body"}))


async def test_objects_that_leave_out_optional_fields_do_not(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", [{"id": "1", "deleted": True}, row(2), row(3, stars=4)])
    found = await read_all(file_source(tmp_path / "a.jsonl", map={"rating": "stars"}))
    assert [post.rating for post in found.posts] == [None, None, 4]


async def test_broken_json_on_line_7_is_a_dead_letter_and_the_rest_goes_on(tmp_path: Path) -> None:
    lines: list[bytes] = [json.dumps(row(number)).encode() for number in range(1, 11)]
    lines[6] = lines[6][:20]
    write(tmp_path / "posts.jsonl", b"\n".join(lines) + b"\n")
    found = await read_all(file_source(tmp_path / "posts.jsonl"))
    assert found.ids == {f"p{number}" for number in range(1, 11) if number != 7}
    assert complaints(found) == [("bad_json", "posts.jsonl:7")]
    assert found.dead_letters[0].raw == lines[6]


@pytest.mark.parametrize(
    "line", [b"[1]", b"7", b'"text"', b"null", b"\x00", b'{"id": NaN}', b"[" * 5000, b"9" * 5000]
)
async def test_a_line_that_is_no_object_is_a_dead_letter(tmp_path: Path, line: bytes) -> None:
    write_jsonl(tmp_path / "a.jsonl", [row(1), line, row(2)])
    found = await read_all(file_source(tmp_path / "a.jsonl"))
    assert found.ids == {"p1", "p2"}
    assert complaints(found) == [("bad_json", "a.jsonl:2")]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "a.csv"])
async def test_a_line_of_50_mb_is_a_dead_letter_and_never_held_whole(tmp_path: Path, name: str) -> None:
    huge = b"x" * 50_000_000
    if name == "a.csv":
        head, good, bad = b"id,text,created_at\n", b"p%d,Aurora Air,%d\n", b"p9,%s,1\n"
        content = head + good % (1, START) + bad % huge + good % (2, START)
    else:
        content = b"".join((json.dumps(row(1)).encode(), b'\n{"text": "', huge, b'"}\n', json.dumps(row(2)).encode()))
    write(tmp_path / name, content)
    del huge, content
    tracemalloc.start()
    try:
        found = await read_all(file_source(tmp_path / name))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.ids == {"p1", "p2"}
    assert [reason for reason, _ in complaints(found)] == ["too_large"]
    assert len(found.dead_letters[0].raw) == RAW_LIMIT
    assert peak < 12_000_000


async def test_the_size_limit_is_configurable(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", [row(1), row(2, text="x" * 2000)])
    found = await read_all(file_source(tmp_path / "a.jsonl", max_record_bytes=1000))
    assert (found.ids, complaints(found)) == ({"p1"}, [("too_large", "a.jsonl:2")])
    write_parquet(tmp_path / "a.parquet", [row(1), row(2, text="x" * 2000)])
    found = await read_all(file_source(tmp_path / "a.parquet", max_record_bytes=1000))
    assert (found.ids, complaints(found)) == ({"p1"}, [("too_large", "a.parquet:2")])


async def test_invalid_utf_8_is_a_dead_letter_with_its_raw_bytes(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", [row(1), b'{"text": "caf\xe9"}', row(2)])
    (tmp_path / "b.csv").write_bytes(b"id,text,created_at\np1,caf\xe9,%d\np2,ok,%d\n" % (START, START))
    for name, line in (("a.jsonl", 2), ("b.csv", 2)):
        found = await read_all(file_source(tmp_path / name))
        assert complaints(found) == [("bad_encoding", f"{name}:{line}")]
        assert b"caf\xe9" in found.dead_letters[0].raw
        assert "p2" in found.ids


async def test_another_encoding_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(f"id;text;created_at\n1;Аврора Эйр;{START}\n".encode("cp1251"))
    found = await read_all(file_source(tmp_path / "a.csv", encoding="cp1251"))
    assert [post.text for post in found.posts] == ["Аврора Эйр"]


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
async def test_utf_16_is_refused_with_the_remedy(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes("id,text,created_at\n1,x,2\n".encode("utf-16"))
    with pytest.raises(SourceMisconfigured, match="UTF-16; save it as UTF-8"):
        await file_source(tmp_path / name).check()
    assert [reason for reason, _ in complaints(await read_all(file_source(tmp_path / name)))] == ["bad_encoding"]


async def test_half_an_emoji_becomes_the_replacement_sign(tmp_path: Path) -> None:
    line = b'{"id": "1", "text": "Aurora \\ud83d Air \\ud83d\\ude00", "created_at": 1763600000}'
    write_jsonl(tmp_path / "a.jsonl", [line])
    found = await read_all(file_source(tmp_path / "a.jsonl"))
    assert found.posts[0].text == "Aurora \ufffd Air \U0001f600"


async def test_a_byte_order_mark_is_not_part_of_the_first_column(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b'\xef\xbb\xbf"id","text","created_at"\n1,Aurora Air,1763600000\n')
    (tmp_path / "b.jsonl").write_bytes(b"\xef\xbb\xbf" + json.dumps(row(1)).encode())
    assert (await read_all(file_source(tmp_path / "a.csv"))).ids == {"1"}
    assert (await read_all(file_source(tmp_path / "b.jsonl"))).ids == {"p1"}


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"text": " "}, "no_text"),
        ({"created_at": None}, "no_date"),
        ({"created_at": "2031-01-01"}, "bad_date"),
        ({"created_at": "once"}, "bad_date"),
        ({"id": {"$oid": "x"}}, "bad_field"),
    ],
)
async def test_a_row_that_can_be_no_post_is_a_dead_letter(
    tmp_path: Path, other: dict[str, object], reason: str
) -> None:
    write_jsonl(tmp_path / "a.jsonl", [row(1), row(2) | other, row(3)])
    found = await read_all(file_source(tmp_path / "a.jsonl"))
    assert (found.ids, complaints(found)) == ({"p1", "p3"}, [(reason, "a.jsonl:2")])


async def test_an_id_twice_passes_twice_with_one_id(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", [row(1), row(1), row(1, text="Aurora Air found it")])
    posts = (await read_all(file_source(tmp_path / "a.jsonl"))).posts
    assert len({post.id for post in posts}) == 1
    assert [post.stamp == posts[0].stamp for post in posts] == [True, True, False]


async def test_csv_with_quotes_newlines_and_semicolons_is_read(tmp_path: Path) -> None:
    text = 'He said "Aurora;\r\nAir"\n\nand left'
    write(tmp_path / "a.csv", f'id;text;created_at\r\n1;"{text.replace(chr(34), chr(34) * 2)}";{START}\r\n'.encode())
    found = await read_all(file_source(tmp_path / "a.csv"))
    assert [post.text for post in found.posts] == [text]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
async def test_the_delimiter_is_found_out_or_given(tmp_path: Path, delimiter: str) -> None:
    content = f"id,text,created_at\n1,Aurora Air,{START}\n".replace(",", delimiter).encode()
    write(tmp_path / "a.csv", content)
    assert (await read_all(file_source(tmp_path / "a.csv"))).ids == {"1"}
    assert (await read_all(file_source(tmp_path / "a.csv", delimiter=delimiter))).ids == {"1"}


async def test_a_quote_that_never_closes_costs_its_own_line_only(tmp_path: Path) -> None:
    lines = [f"p{number},Aurora Air,{START}" for number in range(10)]
    lines[4] = f'p4,"Aurora Air,{START}'
    write(tmp_path / "a.csv", ("id,text,created_at\n" + "\n".join(lines) + "\n").encode())
    found = await read_all(file_source(tmp_path / "a.csv"))
    assert found.ids == {f"p{number}" for number in range(10) if number != 4}
    assert complaints(found) == [("bad_csv", "a.csv:6")]


async def test_a_quote_that_does_not_close_within_the_limit_costs_its_own_line_only(tmp_path: Path) -> None:
    lines = [f"p{number},Aurora Air,{START}" for number in range(100)]
    lines[4] = f'p4,"Aurora Air,{START}'
    write(tmp_path / "a.csv", ("id,text,created_at\n" + "\n".join(lines) + "\n").encode())
    found = await read_all(file_source(tmp_path / "a.csv", max_record_bytes=1000, page_size=7))
    assert len(found.ids) == 99
    assert complaints(found) == [("bad_csv", "a.csv:6")]


async def test_a_row_with_too_many_cells_is_a_dead_letter_unless_they_are_empty(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", f"id,text,created_at\n1,a,b,{START}\n2,a,{START},,\n".encode())
    found = await read_all(file_source(tmp_path / "a.csv"))
    assert (found.ids, complaints(found)) == ({"2"}, [("bad_csv", "a.csv:2")])


async def test_one_json_array_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps([row(1)], indent=1))
    with pytest.raises(SourceMisconfigured, match="jq -c"):
        await file_source(tmp_path / "a.json").check()


@pytest.mark.parametrize(("name", "pack"), [("a.jsonl.gz", gzip.compress), ("a.jsonl.zst", zstandard.compress)])
async def test_a_packed_file_that_ends_early_gives_what_it_has_and_a_dead_letter(
    tmp_path: Path, name: str, pack: Callable[[bytes], bytes]
) -> None:
    rows = [row(number, text=random.Random(number).randbytes(500).hex()) for number in range(2000)]  # noise
    whole = pack(b"".join(json.dumps(one).encode() + b"\n" for one in rows))
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    write_jsonl(tmp_path / "b.jsonl", [row(9999)])
    found = await read_all(file_source(tmp_path / "*.*"))
    assert complaints(found)[-1][0] == "truncated"
    assert len(found.ids) > 500
    assert "p9999" in found.ids


async def test_several_packed_parts_in_one_file_are_read_through(tmp_path: Path) -> None:
    for name, pack in (("a.jsonl.gz", gzip.compress), ("b.jsonl.zst", zstandard.compress)):
        parts = [pack(json.dumps(row(number)).encode() + b"\n") for number in range(5)]
        (tmp_path / name).write_bytes(b"".join(parts))
        assert len((await read_all(file_source(tmp_path / name))).ids) == 5


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.zst", "a.parquet"])
async def test_a_file_that_is_not_what_its_name_says_does_not_hold_up_the_others(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"this is no such file, not at all")
    write_jsonl(tmp_path / "b.jsonl", [row(1)])
    found = await read_all(file_source(tmp_path / "*.*"))
    assert found.ids == {"p1"}
    assert [reason for reason, _ in complaints(found)] in (["bad_compression"], ["bad_parquet"])
    with pytest.raises(SourceMisconfigured, match=name):
        await file_source(tmp_path / name).check()


async def test_a_broken_row_group_gives_what_came_before_it(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", [row(number, text=f"{number} " * 300) for number in range(8)])
    content = bytearray((tmp_path / "a.parquet").read_bytes())
    second = pq.ParquetFile(tmp_path / "a.parquet").metadata.row_group(1).column(1).dictionary_page_offset
    content[second : second + 200] = b"\xff" * 200
    (tmp_path / "a.parquet").write_bytes(bytes(content))
    found = await read_all(file_source(tmp_path / "a.parquet"))
    assert found.ids == {"p0", "p1", "p2", "p3"}
    assert complaints(found) == [("bad_parquet", "a.parquet:5")]


async def test_parquet_text_that_is_not_utf_8_costs_its_own_row_only(tmp_path: Path) -> None:
    raw = pa.array([b"Aurora", b"\xff\xfe", b"Air"], pa.binary()).view(pa.string())
    table = pa.table({"id": ["1", "2", "3"], "text": raw, "created_at": [START] * 3})
    pq.write_table(table, tmp_path / "a.parquet")
    found = await read_all(file_source(tmp_path / "a.parquet"))
    assert (found.ids, complaints(found)) == ({"1", "3"}, [("bad_encoding", "a.parquet:2")])


async def test_a_date_beyond_the_calendar_costs_its_own_row_only(tmp_path: Path) -> None:
    times = pa.array([START * 10**6, 2**62, START * 10**6], pa.timestamp("us"))
    pq.write_table(pa.table({"id": ["1", "2", "3"], "text": ["a"] * 3, "created_at": times}), tmp_path / "a.parquet")
    found = await read_all(file_source(tmp_path / "a.parquet"))
    assert (found.ids, complaints(found)) == ({"1", "3"}, [("bad_value", "a.parquet:2")])


async def test_blank_lines_of_csv_are_passed_over(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", f"\n\r\nid,text,created_at\n\n1,Aurora Air,{START}\n\n".encode())
    found = await read_all(file_source(tmp_path / "a.csv"))
    assert (found.ids, found.dead_letters) == ({"1"}, [])


@pytest.mark.parametrize("path", ["nowhere.jsonl", "*.jsonl", "."])
async def test_a_path_that_leads_to_no_file_is_refused(
    tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceMisconfigured, match=r"there is no file|is a folder"):
        await file_source(path).fetch(None)


async def test_a_file_still_being_written_is_left_alone(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", [row(1)])
    write_jsonl(tmp_path / "b.jsonl.part", [row(2)])
    assert (await read_all(file_source(tmp_path / "*"))).ids == {"p1"}
    with pytest.raises(SourceMisconfigured):
        await file_source(tmp_path / "b.jsonl.part").check()


async def test_an_unknown_name_needs_the_format(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "posts.txt", [row(1)])
    with pytest.raises(SourceMisconfigured, match='set format = "csv"'):
        await file_source(tmp_path / "posts.txt").check()
    assert (await read_all(file_source(tmp_path / "posts.txt", format="jsonl"))).ids == {"p1"}


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.jsonl.gz"])
async def test_an_empty_file_is_no_mistake(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, b"")
    found = await read_all(file_source(tmp_path / name))
    assert (found.posts, found.dead_letters, found.exhausted) == ([], [], True)


@pytest.mark.parametrize(
    "settings",
    [
        {"map": {"txet": "body"}},
        {"timezone": "Mars/Olympus"},
        {"timezone": "../../etc/passwd"},
        {"encoding": "utf-16"},
        {"encoding": "klingon"},
        {"delimiter": '"'},
        {"page_size": 0},
        {"network": "two words"},
        {"path": ""},
    ],
)
def test_wrong_settings_are_refused_before_anything_is_read(tmp_path: Path, settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        file_source(settings.pop("path", tmp_path / "a.jsonl"), **settings)  # type: ignore[arg-type]  # wrong on purpose
