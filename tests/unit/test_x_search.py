"""X by recent search: nothing is lost while pages shift, and what was given is looked at again."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from domain.errors import RetryLater, SourceMisconfigured
from ingest.source import Historic
from tests.kit.ingest import NOON
from tests.kit.scripted_http import Told
from tests.networks.x import bad_parameter
from tests.networks.x_rig import Desk, desk


@pytest.fixture
async def x() -> AsyncIterator[Desk]:
    async with desk() as found:
        yield found


async def test_what_is_written_while_pages_are_read_comes_with_the_next_look(x: Desk) -> None:
    for number in range(60):
        x.network.write(f"Aurora Air {number}", NOON - timedelta(seconds=40 * number + 40))
    x.network.page, fresh = 10, iter(range(1_000))

    def between() -> None:
        x.clock.advance(1)
        x.network.write(f"Aurora Air in between {next(fresh)}")

    x.network.between = between
    source = x.search()
    await x.look(source)
    x.network.between = lambda: None
    await x.look(source)
    assert sorted(x.texts()) == sorted(post.shown["text"] for post in x.network.posts.values())


async def test_pages_are_given_the_oldest_first(x: Desk) -> None:
    for number in range(5):
        x.network.write(f"Aurora Air {number}", NOON - timedelta(minutes=number + 1))
    await x.look(x.search())
    assert [post.created_at for post in x.posts] == sorted(post.created_at for post in x.posts)


async def test_a_post_that_the_index_finds_late_is_not_lost(x: Desk) -> None:
    x.network.write("Aurora Air early", NOON - timedelta(seconds=100))
    await x.look(x.search())
    x.network.write("Aurora Air late in the index", NOON - timedelta(seconds=130))
    await x.look(x.search())
    assert x.texts() == ["Aurora Air early", "Aurora Air late in the index"]


async def test_after_a_week_of_silence_the_last_week_is_read_and_the_rest_is_said_to_be_lost(x: Desk) -> None:
    x.network.write("Aurora Air", NOON - timedelta(minutes=1))
    await x.look(x.search())
    x.clock.advance(3 * 86_400)
    x.network.write("Aurora Air, too old when we come back")
    x.clock.advance(6 * 86_400)
    x.network.write("Aurora Air after all")
    x.clock.advance(7 * 86_400 - 600)
    await x.look(x.search())
    assert x.texts() == ["Aurora Air", "Aurora Air after all"]
    assert any("more than seven days" in trouble for trouble in x.troubles)


async def test_a_page_that_is_not_known_any_more_is_read_from_the_newest_again(x: Desk) -> None:
    for number in range(30):
        x.network.write(f"Aurora Air {number}", NOON - timedelta(minutes=number + 1))
    x.network.page = 10
    source = x.search()
    await x.fetch(source)
    x.network.server.override = lambda asked: (
        bad_parameter("next_token", "b", "is not valid")
        if "next_token" in asked.query
        else x.network.server._told(asked)
    )
    assert not (await x.fetch(source)).records
    x.network.server.override = None
    await x.look(source)
    assert len(x.texts()) == 30


async def test_an_edit_is_another_version_and_a_deletion_a_deletion(x: Desk) -> None:
    kept, edited, gone = (x.network.write(f"Aurora Air {n}", NOON - timedelta(minutes=9 - n)) for n in range(3))
    source = x.search()
    await x.look(source)
    x.network.edit(edited, "Aurora Air, on second thoughts")
    x.network.delete(gone)
    x.clock.advance(900)
    await x.look(source)
    later = x.posts[3:]
    assert [(post.native_id, post.deleted) for post in later] == [(edited, False), (gone, True)]
    assert later[0].text == "Aurora Air, on second thoughts"
    assert later[0].edited_at == NOON + timedelta(seconds=60)
    x.clock.advance(3_600)
    await x.look(source)
    assert len(x.posts) == 5, f"nothing more of {kept}, {edited} and {gone}"


async def test_counters_are_told_when_they_change(x: Desk) -> None:
    number = x.network.write("Aurora Air", NOON - timedelta(minutes=1))
    source = x.search()
    await x.look(source)
    x.network.posts[number].versions[-1]["public_metrics"] = {"like_count": 400}
    x.clock.advance(900)
    await x.look(source)
    assert [post.engagement.likes for post in x.posts] == [3, 400]
    assert len({post.version for post in x.posts}) == 1


async def test_an_answer_to_an_edited_post_leads_to_its_first_version(x: Desk) -> None:
    first = x.network.write("Aurora Air", NOON - timedelta(minutes=9))
    x.network.edit(first, "Aurora Air!")
    second = x.network.posts[first].versions[-1]["id"]
    source = x.search()
    x.clock.advance(60)
    await x.look(source)
    x.network.write("@auroraair same", referenced_tweets=[{"type": "replied_to", "id": second}])
    x.clock.advance(60)
    await x.look(source)
    assert (x.posts[-1].kind, x.posts[-1].reply_to) == ("comment", first)


async def test_what_cannot_be_read_is_told_once(x: Desk) -> None:
    x.network.posts[x.network.write("Aurora Air", NOON - timedelta(seconds=40))].odd = {"id": "none"}
    source = x.search()
    for _ in range(4):
        await x.look(source)
    assert x.letters == 1


async def test_a_query_that_x_cannot_read_is_said_in_its_words(x: Desk) -> None:
    x.network.server.override = bad_parameter("query", "((", "no viable alternative at '(('")
    with pytest.raises(SourceMisconfigured, match="no viable alternative"):
        await x.fetch(x.search())


async def test_the_reset_of_the_limit_is_obeyed(x: Desk) -> None:
    reset = {"x-rate-limit-reset": f"{int(NOON.timestamp()) + 300}", "x-rate-limit-remaining": "0"}
    x.network.server.override = Told(429, b"{}", reset)
    source = x.search()
    with pytest.raises(RetryLater) as busy:
        await x.fetch(source)
    assert busy.value.after == 300
    asked = len(x.network.server.asked)
    x.network.server.override = None
    with pytest.raises(RetryLater) as still:
        await x.fetch(source)
    assert (still.value.after, len(x.network.server.asked)) == (300, asked)
    x.clock.advance(301)
    await x.fetch(source)


async def test_newer_names_of_fields_are_asked_for_where_wanted(x: Desk) -> None:
    await x.look(x.search(names="post"))
    asked = next(one for one in x.network.server.asked if one.path == "/2/tweets/search/recent")
    assert "referenced_posts" in asked.query["post.fields"]
    assert "tweet.fields" not in asked.query


async def test_history_goes_back_seven_days_and_says_so(x: Desk) -> None:
    x.network.write("Aurora Air long ago", NOON - timedelta(days=8))
    x.network.write("Aurora Air in the week", NOON - timedelta(days=6))
    source = x.search()
    assert isinstance(source, Historic)
    past = source.history(NOON - timedelta(days=30), name="past")
    cursor, found, troubles = None, list[str](), list[str]()
    while True:
        page = await past.fetch(cursor)
        cursor = page.cursor
        found += [record.post.text for record in page.records]
        troubles += page.troubles
        if page.exhausted:
            break
    assert found == ["Aurora Air in the week"]
    assert any("seven days" in trouble for trouble in troubles)
    assert "may search about" in await past.check()


async def test_a_refused_post_is_read_again_from_its_bytes(x: Desk) -> None:
    number = x.network.write("Aurora Air", NOON - timedelta(minutes=1))
    x.network.posts[number].odd = {**x.network.posts[number].shown, "created_at": "soon"}
    source = x.search()
    page = await x.fetch(source)
    (letter,) = page.dead_letters
    assert source.reread(letter) == letter
    mended = letter.__class__(
        **{name: getattr(letter, name) for name in letter.__struct_fields__ if name != "raw"},
        raw=letter.raw.replace(b"soon", b"2026-11-20T11:00:00Z"),
    )
    assert getattr(source.reread(mended), "post", None) is not None
