"""One contract, every source in the registry: what the runtime relies on, whichever network is behind it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from operator import attrgetter
from pathlib import Path

import msgspec
import pytest
from pydantic import ValidationError

from domain.errors import RetryLater, SourceError, SourceStopped
from ingest.registry import SOURCES
from ingest.source import Historic, Source
from tests.kit.ingest import NOON, SECRET, Harvest, Rig, SourceCase, all_cases, harvest


@pytest.fixture(params=all_cases(), ids=attrgetter("id"))
def case(request: pytest.FixtureRequest) -> SourceCase:
    found = request.param
    assert isinstance(found, SourceCase)
    return found


@pytest.fixture
async def rig(case: SourceCase, tmp_path: Path) -> AsyncIterator[Rig]:
    async with case.start(tmp_path) as rig:
        yield rig


@pytest.fixture
async def source(rig: Rig) -> AsyncIterator[Source]:
    source = rig.make()
    yield source
    await source.aclose()


def kinds_that(holds: Callable[[SourceCase], bool]) -> pytest.MarkDecorator:
    """Ask this of those kinds only."""
    cases = [case for case in all_cases() if holds(case)]
    return pytest.mark.parametrize("case", cases, ids=attrgetter("id"), indirect=True)


replaying = kinds_that(lambda case: case.replays)
endless = kinds_that(lambda case: case.endless)
over_http = kinds_that(lambda case: case.http)
with_key = kinds_that(lambda case: case.key and case.http)
with_edits = kinds_that(lambda case: case.edits)
with_deletions = kinds_that(lambda case: case.deletions)
with_history = kinds_that(lambda case: case.history)
LONG_AGO = timedelta(days=60)


async def test_every_readable_post_comes_and_every_unreadable_one_is_a_dead_letter(
    case: SourceCase, rig: Rig, source: Source
) -> None:
    found = await harvest(rig, source, quiet=case.quiet)
    assert found.ids == rig.expected
    assert len({letter.id for letter in found.dead_letters}) == rig.unreadable
    assert all(letter.reason and letter.detail and letter.where and letter.stage for letter in found.dead_letters)
    assert all(letter.source == source.name for letter in found.dead_letters)


async def test_posts_are_complete_and_plain(case: SourceCase, rig: Rig, source: Source) -> None:
    for post in (await harvest(rig, source, quiet=case.quiet)).posts:
        assert post.network
        assert post.native_id
        assert post.source == source.name
        for time in (post.created_at, post.collected_at, post.observed_at, post.edited_at):
            assert time is None or time.utcoffset() == timedelta(0)
        assert NOON - timedelta(days=36_525) < post.created_at < rig.clock() + timedelta(days=2)
        assert msgspec.json.decode(msgspec.json.encode(post), type=type(post)) == post
        assert "<script" not in post.text


@replaying
async def test_it_goes_on_from_any_cursor_with_nothing_lost(case: SourceCase, rig: Rig, source: Source) -> None:
    whole = await harvest(rig, source, quiet=case.quiet)
    for cut in range(len(whole.cursors) - 1):
        again = rig.make()
        rest = await harvest(rig, again, whole.cursors[cut], quiet=case.quiet)
        await again.aclose()
        assert set().union(*whole.new_by_page[:cut], rest.ids) == rig.expected
        assert rest.versions <= whole.versions, "repeats are the same posts in the same versions"


@replaying
async def test_pages_before_a_cut_and_after_it_make_the_whole(rig: Rig) -> None:
    seen, cursor = Harvest(), None
    for _ in range(500):
        fresh = rig.make()
        page = await fresh.fetch(cursor)
        await fresh.aclose()
        seen.take(page)
        cursor = page.cursor
        rig.clock.advance(page.wait)
        if page.exhausted or seen.ids == rig.expected:
            break
    assert seen.ids == rig.expected


@replaying
async def test_the_same_network_read_twice_gives_the_same_ids_and_versions(case: SourceCase, rig: Rig) -> None:
    one, other = rig.make(), rig.make()
    first = await harvest(rig, one, quiet=case.quiet)
    second = await harvest(rig, other, quiet=case.quiet)
    await one.aclose()
    await other.aclose()
    assert first.versions == second.versions
    assert {letter.id for letter in first.dead_letters} == {letter.id for letter in second.dead_letters}


@pytest.mark.parametrize("moment", [0.0, 0.001, 0.01, 0.05])
async def test_a_fetch_that_was_cancelled_is_done_again(
    case: SourceCase, rig: Rig, source: Source, moment: float
) -> None:
    task = asyncio.ensure_future(source.fetch(None))
    await asyncio.sleep(moment)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert (await harvest(rig, source, quiet=case.quiet)).ids == rig.expected


@endless
async def test_a_read_source_brings_only_what_is_new(case: SourceCase, rig: Rig, source: Source) -> None:
    assert rig.publish is not None
    whole = await harvest(rig, source, quiet=case.quiet)
    fresh = set(rig.publish(3))
    rig.clock.advance(3600)
    later = await harvest(rig, source, whole.cursors[-1], quiet=case.quiet)
    assert fresh <= later.ids
    assert later.versions - whole.versions == {version for version in later.versions if version[0] in fresh}


async def test_a_finite_source_ends_and_an_endless_one_does_not(case: SourceCase, rig: Rig, source: Source) -> None:
    assert (await harvest(rig, source, quiet=case.quiet)).exhausted is source.finite


@over_http
async def test_busy_is_retried_when_the_network_says(rig: Rig, source: Source) -> None:
    fail = rig.fail
    assert fail is not None
    fail("busy")
    with pytest.raises(RetryLater) as caught:
        await source.fetch(None)
    assert caught.value.after == pytest.approx(7, abs=0.1)


@over_http
@pytest.mark.parametrize("failure", ["down", "busy", "garbage"])
async def test_a_failing_network_loses_nothing(case: SourceCase, rig: Rig, source: Source, failure: str) -> None:
    fail = rig.fail
    assert fail is not None
    fail(failure)  # type: ignore[arg-type]  # the parameters are the literals
    cursor = None
    with suppress(RetryLater):
        cursor = (await source.fetch(None)).cursor
    fail(None)
    rig.clock.advance(7_200)
    found = await harvest(rig, source, cursor, quiet=case.quiet)
    assert found.ids == rig.expected


@with_key
async def test_a_credential_that_is_revoked_stops_the_source_and_a_new_one_loses_nothing(
    case: SourceCase, rig: Rig, source: Source
) -> None:
    fail = rig.fail
    assert fail is not None
    first = await source.fetch(None)
    await source.committed(first.cursor)
    fail("revoked")
    rig.clock.advance(max(first.wait, 1))
    with pytest.raises(SourceStopped):
        await source.fetch(first.cursor)
    with pytest.raises(SourceStopped):
        await source.check()
    fail(None)
    renewed = rig.make()
    rest = await harvest(rig, renewed, first.cursor, quiet=case.quiet)
    await renewed.aclose()
    assert {record.post.native_id for record in first.records} | rest.ids == rig.expected


@with_key
@pytest.mark.parametrize("failure", ["flaky", "huge"])
async def test_a_network_that_stumbles_loses_nothing(
    case: SourceCase, rig: Rig, source: Source, failure: str
) -> None:
    fail = rig.fail
    assert fail is not None
    fail(failure)  # type: ignore[arg-type]  # the parameters are the literals
    cursor, found = None, set[str]()
    for _ in range(30):
        try:
            page = await source.fetch(cursor)
        except RetryLater as error:
            rig.clock.advance(error.after or 60)
            continue
        found |= {record.post.native_id for record in page.records}
        cursor = page.cursor
        rig.clock.advance(page.wait)
    fail(None)
    rig.clock.advance(7_200)
    rest = await harvest(rig, source, cursor, quiet=case.quiet)
    assert found | rest.ids == rig.expected


@with_edits
async def test_an_edit_comes_as_another_version_of_the_same_post(case: SourceCase, rig: Rig, source: Source) -> None:
    assert rig.edit is not None
    before = await harvest(rig, source, quiet=case.quiet)
    edited = before.posts[-1].native_id
    rig.edit(edited)
    rig.clock.advance(3600)
    after = await harvest(rig, source, before.cursors[-1], quiet=case.quiet)
    assert {one for one in after.versions - before.versions if one[0] == edited}


@with_deletions
async def test_a_deletion_comes_as_a_deletion(case: SourceCase, rig: Rig, source: Source) -> None:
    assert rig.delete is not None
    before = await harvest(rig, source, quiet=case.quiet)
    gone = before.posts[-1].native_id
    rig.delete(gone)
    rig.clock.advance(3600)
    after = await harvest(rig, source, before.cursors[-1], quiet=case.quiet)
    assert gone in {post.native_id for post in after.posts if post.deleted}


@with_history
async def test_its_past_is_the_same_posts_marked_as_history_and_ends(
    case: SourceCase, rig: Rig, source: Source
) -> None:
    live = await harvest(rig, source, quiet=case.quiet)
    assert isinstance(source, Historic)
    past = source.history(NOON - LONG_AGO, name="the past")
    found = await harvest(rig, past, quiet=case.quiet)
    assert (past.name, past.finite, found.exhausted) == ("the past", True, True)
    assert found.versions == live.versions
    assert {(post.origin, post.source) for post in found.posts} == {("backfill", "the past")}
    recent = await harvest(rig, source.history(rig.clock() - timedelta(minutes=1), name="a minute"), quiet=case.quiet)
    assert recent.ids < found.ids
    assert recent.exhausted


@with_history
async def test_its_past_goes_on_from_any_cursor(case: SourceCase, rig: Rig, source: Source) -> None:
    assert isinstance(source, Historic)
    past = partial(source.history, NOON - LONG_AGO, name="the past")
    whole = await harvest(rig, past(), quiet=case.quiet)
    for cut in range(len(whole.cursors) - 1):
        rest = await harvest(rig, past(), whole.cursors[cut], quiet=case.quiet)
        assert set().union(*whole.new_by_page[:cut], rest.ids) == whole.ids


async def test_secrets_are_never_spoken_of(case: SourceCase, rig: Rig, source: Source) -> None:
    said = [repr(source), await source.check()]
    if rig.fail is not None:
        for failure in ("busy", "down", "garbage", *(("revoked",) if case.key else ())):
            rig.fail(failure)
            rig.clock.advance(3600)
            for call in (source.check, lambda: source.fetch(None)):
                try:
                    said.append(repr(await call()))
                except SourceError as error:
                    said += [str(error), repr(error), repr(error.__cause__)]
        rig.fail(None)
        rig.clock.advance(3600)
    said += [letter.detail + letter.where for letter in (await harvest(rig, source, quiet=case.quiet)).dead_letters]
    assert SECRET not in " ".join(said)


async def test_check_says_what_was_found(source: Source) -> None:
    sentence = await source.check()
    assert sentence
    assert "\n" not in sentence


async def test_closing_twice_is_closing_once(rig: Rig) -> None:
    source = rig.make()
    await source.aclose()
    await source.aclose()


def test_unknown_settings_are_refused(case: SourceCase) -> None:
    config = SOURCES[case.kind].load().Config
    assert config.model_validate(case.config).kind == case.kind
    with pytest.raises(ValidationError):
        config.model_validate({**case.config, "evry": 5})


def test_a_printed_config_shows_no_secret(case: SourceCase) -> None:
    assert SECRET not in repr(SOURCES[case.kind].load().Config.model_validate(case.config))
