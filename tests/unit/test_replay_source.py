from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.errors import SourceMisconfigured
from domain.post import Record
from ingest.replay import Config, ReplaySource, tape
from tests.kit.ingest import Clock
from tests.kit.reading import read_all
from tests.kit.recordings import START, row, write_jsonl


class Sleeper:
    """Sleeps by moving the clock."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.slept = clock, [0.0]

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.advance(seconds)


def replay(path: Path, clock: Clock | None = None, **settings: Any) -> ReplaySource:
    clock = clock or Clock()
    config = Config.model_validate({"kind": "replay", "name": "tape", "path": str(path), **settings})
    return ReplaySource(config, clock=clock, sleep=Sleeper(clock))


@pytest.fixture
def tape_path(tmp_path: Path) -> Path:
    """Ten posts a minute apart, written down out of order over two files, and a broken line."""
    write_jsonl(tmp_path / "a.jsonl", [row(number) for number in (3, 1, 9, 7, 5)])
    write_jsonl(tmp_path / "b.jsonl", [row(8), row(2), row(0), b"{", row(4), row(6)])
    return tmp_path / "*.jsonl"


async def test_posts_come_in_order_of_time(tape_path: Path) -> None:
    found = await read_all(replay(tape_path, page_size=4))
    assert [post.native_id for post in found.posts] == [f"p{number}" for number in range(10)]
    assert [letter.where for letter in found.dead_letters] == ["b.jsonl:4"]
    assert {post.origin for post in found.posts} == {"replay"}


@pytest.mark.parametrize("page_size", [1, 3, 500])
async def test_it_goes_on_where_it_was(tape_path: Path, page_size: int) -> None:
    whole = await read_all(replay(tape_path, page_size=page_size))
    for cut, cursor in enumerate(whole.cursors[:-1]):
        rest = await read_all(replay(tape_path, page_size=page_size), cursor)
        assert [post.native_id for post in rest.posts] == [
            post.native_id for post in whole.posts[sum(map(len, whole.new_by_page[:cut])) :]
        ]


@pytest.mark.parametrize(("speed", "seconds"), [(1.0, 540.0), (60.0, 9.0), (0.5, 1080.0)])
async def test_it_plays_at_its_speed(tape_path: Path, speed: float, seconds: float) -> None:
    clock = Clock()
    started = clock()
    found = await read_all(replay(tape_path, clock, speed=speed))
    assert len(found.posts) == 10
    assert clock() - started == timedelta(seconds=seconds)


async def test_a_fetch_waits_a_second_at_most(tape_path: Path) -> None:
    clock = Clock()
    sleeper = Sleeper(clock)
    config = Config(kind="replay", name="tape", path=str(tape_path), speed=1.0)
    await read_all(ReplaySource(config, clock=clock, sleep=sleeper))
    assert max(sleeper.slept) <= 1.0


async def test_after_a_restart_it_does_not_make_up_for_the_pause(tape_path: Path) -> None:
    clock = Clock()
    before = await read_all(replay(tape_path, clock, speed=60.0), pages=4)
    clock.advance(3600)
    page = await replay(tape_path, clock, speed=60.0).fetch(before.cursors[-1])
    assert len(page.records) == 1


async def test_as_fast_as_possible_does_not_sleep(tape_path: Path) -> None:
    clock = Clock()
    started = clock()
    await read_all(replay(tape_path, clock))
    assert clock() == started


async def test_only_the_first_posts_are_played_when_a_limit_is_set(tape_path: Path) -> None:
    assert (await read_all(replay(tape_path, limit=3))).ids == {"p0", "p1", "p2"}


async def test_rebase_writes_the_first_post_now_and_keeps_the_distances(tape_path: Path) -> None:
    clock = Clock()
    before = await read_all(replay(tape_path, clock, rebase=True, page_size=2), pages=4)
    began = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    clock.advance(3600)
    after = await read_all(replay(tape_path, clock, rebase=True, page_size=2), before.cursors[-1])
    assert [post.created_at for post in before.posts + after.posts] == [
        began + timedelta(minutes=number) for number in range(10)
    ]
    assert all(post.collected_at == post.created_at for post in after.posts)


async def test_without_rebase_the_times_stay(tape_path: Path) -> None:
    assert (await read_all(replay(tape_path))).posts[0].created_at == datetime.fromtimestamp(START, UTC)


async def test_another_recording_is_played_from_its_beginning(tape_path: Path) -> None:
    before = await read_all(replay(tape_path, page_size=2), pages=4)
    write_jsonl(tape_path.parent / "b.jsonl", [row(number) for number in (20, 21)])
    after = await read_all(replay(tape_path), before.cursors[-1])
    assert after.ids == {f"p{number}" for number in (1, 3, 5, 7, 9, 20, 21)}


async def test_a_recording_too_large_to_sort_is_refused_with_the_remedy(
    tape_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tape, "MOST_POSTS", 5)
    with pytest.raises(SourceMisconfigured, match='kind = "file"'):
        await replay(tape_path).fetch(None)


async def test_check_looks_into_the_files(tape_path: Path, tmp_path: Path) -> None:
    assert "2 files to play, 60 times as fast" in await replay(tape_path, speed=60).check()
    write_jsonl(tmp_path / "c.jsonl", [{"nothing": "useful"}])
    with pytest.raises(SourceMisconfigured, match="no column"):
        await replay(tape_path).check()


async def test_an_empty_recording_ends_at_once(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", [])
    assert (await read_all(replay(tmp_path / "a.jsonl", speed=1, rebase=True))).posts == []


async def test_a_refused_row_is_read_again(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", [row(1), row(2, created_at=None, when="2025-02-20")])
    letter = (await read_all(replay(tmp_path / "a.jsonl"))).dead_letters[0]
    again = replay(tmp_path / "a.jsonl", map={"created_at": "when"}).reread(letter)
    assert isinstance(again, Record)
    assert (again.post.native_id, again.post.origin) == ("p2", "replay")
