"""The place in a file is exact: nothing is lost and nothing is read twice, whatever happens to the file."""

import asyncio
import gzip
import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from domain.dead_letter import DeadLetter
from domain.errors import SourceMisconfigured
from domain.post import Record
from tests.kit.reading import complaints, file_source, read_all
from tests.kit.recordings import row, write, write_csv, write_jsonl, write_parquet

ROWS = [row(number) for number in range(30)]


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    flat = [{key: value for key, value in one.items() if key != "author"} for one in rows]
    if ".csv" in path.name:
        write_csv(path.with_name("plain"), flat)
        write(path, path.with_name("plain").read_bytes())
    elif ".parquet" in path.name:
        write_parquet(path, flat)
    else:
        write_jsonl(path, flat)
    return path


@pytest.mark.parametrize(
    "name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "a.csv", "a.csv.gz", "a.csv.zst", "a.parquet"]
)
@pytest.mark.parametrize("page_size", [1, 7, 500])
async def test_from_every_place_exactly_the_rest_is_read(tmp_path: Path, name: str, page_size: int) -> None:
    path = written(tmp_path / name, ROWS)
    whole = await read_all(file_source(path, page_size=page_size))
    assert [post.native_id for post in whole.posts] == [one["id"] for one in ROWS]
    for cut, cursor in enumerate(whole.cursors[:-1]):
        rest = await read_all(file_source(path, page_size=page_size), cursor)
        assert [post.native_id for post in rest.posts] == [one["id"] for one in ROWS[cut * page_size :]]


async def test_an_older_place_is_gone_back_to(tmp_path: Path) -> None:
    source = file_source(written(tmp_path / "a.jsonl", ROWS), page_size=10)
    first = await source.fetch(None)
    second = await source.fetch(first.cursor)
    again = await source.fetch(first.cursor)
    assert [record.post.native_id for record in again.records] == [record.post.native_id for record in second.records]
    assert again.cursor == second.cursor
    await source.aclose()


async def test_a_source_that_was_read_has_no_more(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", ROWS)
    whole = await read_all(file_source(path))
    page = await file_source(path).fetch(whole.cursors[-1])
    assert (page.records, page.exhausted) == ([], True)


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.csv"])
async def test_a_file_that_grew_is_continued(tmp_path: Path, name: str) -> None:
    path = written(tmp_path / name, ROWS[:10])
    before = await read_all(file_source(path))
    more = written(tmp_path / f"more-{name}", ROWS[10:]).read_bytes()
    with path.open("ab") as file:
        file.write(more.partition(b"\n")[2] if name == "a.csv" else more)
    after = await read_all(file_source(path), before.cursors[-1])
    assert [post.native_id for post in after.posts] == [one["id"] for one in ROWS[10:]]


async def test_a_line_that_was_half_written_is_read_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    line = json.dumps(ROWS[1]).encode()
    path.write_bytes(json.dumps(ROWS[0]).encode() + b"\n" + line[:15])
    before = await read_all(file_source(path))
    assert complaints(before) == [("bad_json", "a.jsonl:2")]
    path.write_bytes(json.dumps(ROWS[0]).encode() + b"\n" + line + b"\n")
    after = await read_all(file_source(path), before.cursors[-1])
    assert (after.ids, after.dead_letters) == ({"p1"}, [])


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.zst", "a.csv", "a.parquet"])
async def test_a_file_replaced_by_another_is_read_from_its_beginning(tmp_path: Path, name: str) -> None:
    before = await read_all(file_source(written(tmp_path / name, ROWS[:10]), page_size=4), pages=2)
    path = written(tmp_path / name, ROWS[15:])
    after = await read_all(file_source(path), before.cursors[-1])
    assert after.ids == {one["id"] for one in ROWS[15:]}


async def test_new_files_of_a_pattern_are_read_and_old_ones_are_not_again(tmp_path: Path) -> None:
    for day in (2, 3):
        write_jsonl(tmp_path / f"day{day}.jsonl", [row(day)])
    before = await read_all(file_source(tmp_path / "day*.jsonl"))
    write_jsonl(tmp_path / "day1.jsonl", [row(1)])
    os.utime(tmp_path / "day2.jsonl", (1, 1))
    after = await read_all(file_source(tmp_path / "day*.jsonl"), before.cursors[-1])
    assert (before.ids, after.ids) == ({"p2", "p3"}, {"p1"})


async def test_a_file_that_went_away_is_passed_over(tmp_path: Path) -> None:
    for day in (1, 2, 3):
        write_jsonl(tmp_path / f"day{day}.jsonl", [row(day)])
    source = file_source(tmp_path / "day*.jsonl")
    first = await source.fetch(None)
    (tmp_path / "day2.jsonl").unlink()
    assert (await read_all(source, first.cursor)).ids == {"p3"}


async def test_a_bad_file_does_not_take_the_page_before_it_along(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", [row(1)])
    write_csv(tmp_path / "b.csv", [{"nothing": "useful"}])
    source = file_source(tmp_path / "*.*")
    page = await source.fetch(None)
    assert [record.post.native_id for record in page.records] == ["p1"]
    for _ in range(2):
        with pytest.raises(SourceMisconfigured):
            await source.fetch(page.cursor)


async def test_progress_is_told_in_bytes_on_the_disk(tmp_path: Path) -> None:
    big = [row(number, text=os.urandom(2000).hex()) for number in range(400)]
    written(tmp_path / "a.jsonl.gz", big)
    written(tmp_path / "b.parquet", big)
    written(tmp_path / "c.csv", big)
    source = file_source(tmp_path / "[abc].*", page_size=50)
    total = sum((tmp_path / name).stat().st_size for name in ("a.jsonl.gz", "b.parquet", "c.csv"))
    whole = await read_all(source)
    told = [source.progress(cursor) for cursor in whole.cursors]
    assert told[0] == (0, total)
    assert told[-1] == (total, total)
    assert told == sorted(told)
    assert len(set(told)) > 10


async def test_a_cancelled_fetch_leaves_the_place_as_it_was(tmp_path: Path) -> None:
    source = file_source(written(tmp_path / "a.jsonl", ROWS), page_size=10)
    first = await source.fetch(None)
    for _ in range(3):
        task = asyncio.ensure_future(source.fetch(first.cursor))
        await asyncio.sleep(0)
        task.cancel()
    assert (await read_all(source, first.cursor)).ids == {one["id"] for one in ROWS[10:]}


async def test_a_place_written_by_another_kind_of_source_is_refused(tmp_path: Path) -> None:
    source = file_source(written(tmp_path / "a.jsonl", ROWS))
    with pytest.raises(SourceMisconfigured, match="another name"):
        await source.fetch(msgspec.json.encode({"files": [1]}))


async def test_history_is_read_as_backfill_when_it_is_said(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", ROWS[:1])
    for origin in ("replay", "backfill"):
        assert (await read_all(file_source(path, origin=origin))).posts[0].origin == origin


async def test_pages_of_large_rows_are_cut_short(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", [row(number, text="x" * 900_000) for number in range(20)])
    whole = await read_all(file_source(tmp_path / "a.jsonl"))
    assert len(whole.ids) == 20
    assert max(len(ids) for ids in whole.new_by_page) < 12


async def test_the_row_is_kept_as_it_was_read(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", [row(1) | {"author": "innak", "odd": "kept"}])
    write(tmp_path / "b.jsonl.gz", gzip.decompress(gzip.compress(json.dumps(row(2, odd="kept")).encode())))
    for path in ("a.csv", "b.jsonl.gz"):
        page = await file_source(tmp_path / path).fetch(None)
        assert msgspec.json.decode(page.records[0].raw)["odd"] == "kept"


async def test_a_refused_row_is_read_again_once_the_settings_are_mended(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", [row(1), row(2, created_at=None, when="2025-02-20")])
    write_csv(tmp_path / "b.csv", [{"id": "p3", "text": "Aurora Air", "created_at": "", "when": "2025-02-20"}])
    letters = (await read_all(file_source(tmp_path / "[ab].*"))).dead_letters
    mended = file_source(tmp_path / "[ab].*", map={"created_at": "when"})
    again = [mended.reread(letter) for letter in letters]
    assert [found.post.native_id for found in again if isinstance(found, Record)] == ["p2", "p3"]
    still = file_source(tmp_path / "[ab].*").reread(letters[0])
    assert isinstance(still, DeadLetter)
    assert still.reason == "no_date"


async def test_half_a_row_is_refused_again_with_the_remedy(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", [row(1), b'{"id": "p2", "te'])
    source = file_source(tmp_path / "a.jsonl")
    again = source.reread((await read_all(source)).dead_letters[0])
    assert isinstance(again, DeadLetter)
    assert "mend the file" in again.detail
