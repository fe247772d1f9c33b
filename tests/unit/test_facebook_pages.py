"""What looking at a page again and again finds, and what it costs."""

from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import islice

import pytest
from msgspec.structs import replace

from domain.errors import SourceMisconfigured
from domain.post import Record
from ingest.facebook import Config
from ingest.facebook.pages import pages_source
from ingest.graph.looking import LookingSource
from ingest.http import PoliteClient
from tests.kit.cases_facebook import POLLED
from tests.kit.facebook_looking import Looking
from tests.kit.ingest import NOON, Clock, Rig, harvest, polite_client
from tests.kit.scripted_http import ScriptedServer
from tests.networks.facebook import PAGE, PAGE_TOKEN, Facebook, Thing, minutes_ago
from tests.networks.graph import APP_SECRET, GONE, error

HOUR = 3_600


@pytest.fixture
async def client(clock: Clock) -> AsyncIterator[PoliteClient]:
    async with polite_client(clock) as client:
        yield client


@pytest.fixture
def network(server: ScriptedServer) -> Facebook:
    network = Facebook(server, secret=APP_SECRET, page_size=3)
    network.feed = [
        Thing(f"{PAGE}_1", "We fly to Astana", minutes_ago(60), by=PAGE),
        Thing(f"{PAGE}_2", "I am stranded in Almaty", minutes_ago(90), by="42"),
    ]
    network.comments = [
        Thing("1_1", "Where is my bag?", minutes_ago(50), by="43", under=f"{PAGE}_1"),
        Thing("1_2", "We are looking for it", minutes_ago(40), by=PAGE, under=f"{PAGE}_1", answers="1_1"),
    ]
    return network


@pytest.fixture
def looking(network: Facebook, client: PoliteClient, clock: Clock) -> Looking:
    return Looking(network, client, clock)


async def test_a_post_a_comment_and_the_pages_answer_are_told_apart(looking: Looking) -> None:
    found = await looking.posts()
    own, visitor, comment, answer = (found[one] for one in (f"{PAGE}_1", f"{PAGE}_2", "1_1", "1_2"))
    assert (own.kind, own.addressed, own.account, own.reply_to) == ("post", "", "facebook:auroraair", "")
    assert (own.author.followers, own.author.id, own.author.name) == (5_000, PAGE, "Aurora Air")
    assert (visitor.kind, visitor.addressed, visitor.account) == ("post", "facebook:auroraair", "facebook:42")
    assert visitor.author.followers is None
    assert (comment.kind, comment.addressed, comment.reply_to) == ("comment", "facebook:auroraair", f"{PAGE}_1")
    assert (answer.account, answer.addressed, answer.reply_to) == ("facebook:auroraair", "", "1_1")
    assert (own.engagement.likes, own.engagement.replies, own.engagement.reposts) == (3, 2, None)
    assert (comment.engagement.likes, comment.engagement.replies) == (3, 0)
    assert own.created_at == minutes_ago(60)


async def test_a_recommendation_has_a_word_and_no_stars_and_an_old_review_has_stars(
    looking: Looking, network: Facebook
) -> None:
    network.ratings = [
        Thing("900", "Never again", minutes_ago(5), by="43", word="NEGATIVE"),
        Thing("901", "", minutes_ago(6), by="44", word="POSITIVE"),
        Thing("902", "Good", minutes_ago(7), by="45", stars=4),
        Thing("", "Story without a number", minutes_ago(8), by="46", word="NEGATIVE"),
    ]
    found = await looking.posts()
    negative, positive, stars = found["900"], found["901"], found["902"]
    assert (negative.kind, negative.rating) == ("review", None)
    assert (negative.title, negative.text) == ("negative", "Never again")
    assert (positive.title, positive.text, positive.addressed) == ("positive", "", "facebook:auroraair")
    assert (stars.rating, stars.title) == (4, "")
    assert f"{PAGE}_review_46" in found, "one person recommends a page once"


async def test_a_post_that_tags_the_page_stands_on_somebody_elses(looking: Looking, network: Facebook) -> None:
    network.tagged = [Thing("42_70", "Flying with @Aurora Air", minutes_ago(3), shares="9_9")]
    post = (await looking.posts())["42_70"]
    assert (post.addressed, post.kind, post.repost_of) == ("", "repost", "9_9")


async def test_a_comment_without_its_author_is_still_heard(looking: Looking, network: Facebook) -> None:
    network.comments.append(Thing("1_3", "Anybody there?", minutes_ago(1), by="", under=f"{PAGE}_1"))
    post = (await looking.posts())["1_3"]
    assert (post.author.id, post.addressed) == ("", "facebook:auroraair")


async def test_each_page_is_asked_with_its_own_token(looking: Looking, network: Facebook) -> None:
    await looking.all()
    used = {asked.query["access_token"] for asked in network.server.asked if asked.path.endswith("/feed")}
    assert used == {PAGE_TOKEN}
    assert PAGE_TOKEN not in (looking.cursor or b"").decode()


async def test_nothing_new_costs_one_call_a_list(looking: Looking, network: Facebook) -> None:
    await looking.all()
    source = looking.rig.make()
    await source.fetch(looking.cursor)
    network.paths.clear()
    looking.clock.advance(300)
    assert not (await source.fetch(looking.cursor)).records
    lists = [path for path in network.paths if not path.endswith("/comments")]
    assert lists == [f"{PAGE}/feed", f"{PAGE}/tagged", f"{PAGE}/ratings"]


async def test_nothing_is_asked_before_its_time(looking: Looking, network: Facebook) -> None:
    await looking.all()
    looking.clock.advance(-100)
    network.paths.clear()
    source = looking.rig.make()
    page = await source.fetch(looking.cursor)
    assert (page.records, network.paths) == ([], [])
    assert page.wait == pytest.approx(100, abs=1)


async def test_posts_that_arrive_while_the_list_is_read_shift_it_and_nothing_is_lost(
    looking: Looking, network: Facebook, clock: Clock
) -> None:
    network.shifts = True
    network.feed = [Thing(f"{PAGE}_{n}", f"Post {n}", minutes_ago(n), by=PAGE) for n in range(10, 30)]
    late = iter(range(500, 512))

    def arrive() -> None:
        if (number := next(late, None)) is not None:
            network.feed.append(Thing(f"{PAGE}_{number}", f"Post {number}", clock(), by=PAGE))
            network.comments.append(Thing(f"1_{number}", "So do I", clock(), under=f"{PAGE}_20"))

    network.arrives = arrive
    found = await looking.all()
    found.posts += (await looking.all(after=300)).posts
    network.arrives = None
    found.posts += (await looking.all(after=HOUR)).posts
    shown = {thing.id for thing in network.things()} - {"1_1", "1_2"}
    assert shown <= found.ids
    told = [post.native_id for post in found.posts if post.native_id != f"{PAGE}_20"]
    assert len(told) == len(set(told)), "nothing is given twice but what has other counters"


async def test_comments_that_come_after_their_number_was_told_hide_no_other(
    looking: Looking, network: Facebook, clock: Clock
) -> None:
    await looking.all()
    numbers = iter(range(100, 116))

    def write(many: int) -> None:
        for number in islice(numbers, many):
            clock.advance(1)
            network.comments.append(Thing(f"1_{number}", f"Comment {number}", clock(), under=f"{PAGE}_1"))

    clock.advance(300)
    write(4)
    network.arrives = lambda: write(12)  # once the list with the old number was given
    source, cursor, seen, wait = looking.rig.make(), looking.cursor, set[str](), 0.0
    while not wait:
        page = await source.fetch(cursor)
        seen |= {record.post.native_id for record in page.records}
        cursor, wait = page.cursor, page.wait
    assert {f"1_{number}" for number in range(100, 116)} <= seen, "all of them, without another look at the list"


async def test_a_pinned_old_post_does_not_end_the_reading(looking: Looking, network: Facebook) -> None:
    network.feed.append(Thing(f"{PAGE}_0", "Welcome", NOON - timedelta(days=400), by=PAGE))
    network.pinned = f"{PAGE}_0"
    assert set(await looking.posts()) == {f"{PAGE}_1", f"{PAGE}_2", "1_1", "1_2"}
    network.feed.append(Thing(f"{PAGE}_9", "News", looking.clock(), by=PAGE))
    assert set(await looking.posts(after=300)) == {f"{PAGE}_9"}


async def test_what_was_written_before_the_backlog_is_not_given_but_its_new_comments_are(
    looking: Looking, network: Facebook
) -> None:
    network.feed.append(Thing(f"{PAGE}_7", "Of last week", NOON - timedelta(days=6), by=PAGE))
    network.comments += [
        Thing("7_1", "Of last week too", NOON - timedelta(days=5), under=f"{PAGE}_7"),
        Thing("7_2", "Of today", minutes_ago(10), under=f"{PAGE}_7"),
    ]
    found = await looking.posts()
    assert "7_2" in found
    assert {"7_1", f"{PAGE}_7"}.isdisjoint(found)
    network.comments.append(Thing("7_3", "Of just now", looking.clock(), under=f"{PAGE}_7"))
    assert "7_3" in await looking.posts(after=HOUR)


async def test_after_days_away_nothing_is_missed_not_even_what_is_past_the_refresh(
    looking: Looking, network: Facebook
) -> None:
    await looking.all()
    for day in range(1, 20):
        at = NOON + timedelta(days=day)
        network.feed.append(Thing(f"{PAGE}_d{day}", f"Day {day}", at, by=PAGE))
        network.comments.append(Thing(f"1_d{day}", f"Day {day}", at, under=f"{PAGE}_1"))
    found = await looking.posts(after=20 * 86_400)
    assert {f"{PAGE}_d{day}" for day in range(1, 20)} <= set(found)
    assert {f"1_d{day}" for day in range(1, 20)} <= set(found), "what was watched is looked at once more"


async def test_comments_of_days_away_are_given_though_they_are_past_the_refresh(
    looking: Looking, network: Facebook
) -> None:
    await looking.all()
    for hour in range(1, 100):
        at = NOON + timedelta(hours=hour)
        network.comments.append(Thing(f"1_h{hour}", f"Hour {hour}", at, under=f"{PAGE}_1"))
    assert set(await looking.posts(after=101 * HOUR)) >= {f"1_h{hour}" for hour in range(1, 100)}


async def test_an_edit_a_deletion_and_counters_are_told_while_it_is_young(
    looking: Looking, network: Facebook
) -> None:
    first = await looking.posts()
    network.edit("1_1")
    network.thing(f"{PAGE}_2").likes = 900
    edited = await looking.posts(after=HOUR)
    assert edited["1_1"].version != first["1_1"].version
    assert edited[f"{PAGE}_2"].engagement.likes == 900
    assert edited[f"{PAGE}_2"].version == first[f"{PAGE}_2"].version, "counters are no version"
    network.delete("1_2")
    assert (await looking.posts(after=HOUR))["1_2"].deleted
    assert await looking.posts(after=HOUR) == {}, "a deletion is told once"


async def test_a_deleted_post_takes_its_comments_with_it(looking: Looking, network: Facebook) -> None:
    await looking.all()
    network.delete(f"{PAGE}_1")
    gone = await looking.posts(after=HOUR)
    assert {name for name, post in gone.items() if post.deleted} == {f"{PAGE}_1", "1_1", "1_2"}


async def test_what_is_not_listed_but_still_there_is_not_called_deleted(looking: Looking, network: Facebook) -> None:
    await looking.all()
    hidden = network.thing(f"{PAGE}_2")
    network.feed.remove(hidden)
    network.tagged.append(Thing("42_1", "", minutes_ago(10_000)))
    network.ratings.append(Thing(hidden.id, "", minutes_ago(20_000)))
    assert not any(post.deleted for post in (await looking.all(after=HOUR)).posts)


async def test_a_page_that_is_no_longer_seen_does_not_make_all_its_posts_deleted(
    looking: Looking, network: Facebook
) -> None:
    await looking.all()
    kept, network.feed = network.feed, []
    await looking.rig.make().fetch(looking.cursor)
    network.refused = {PAGE: GONE, f"{PAGE}_1": GONE, f"{PAGE}_1/comments": GONE}
    looking.clock.advance(HOUR)
    cursor, deleted, refused = looking.cursor, 0, ""
    source = looking.rig.make()
    while not refused:
        try:
            page = await source.fetch(cursor)
        except SourceMisconfigured as error:
            refused = str(error)
        else:
            deleted += sum(record.post.deleted for record in page.records)
            cursor = page.cursor
    assert "no such object" in refused
    assert deleted == 0
    network.feed, network.refused = kept, {}


async def test_a_hidden_comment_goes_and_comes_back(looking: Looking, network: Facebook) -> None:
    await looking.all()
    network.thing("1_1").hidden = True
    assert (await looking.posts(after=HOUR))["1_1"].deleted
    network.thing("1_1").hidden = False
    back = (await looking.posts(after=HOUR))["1_1"]
    assert (back.deleted, back.text) == (False, "Where is my bag?")


async def test_what_is_past_its_refresh_is_left_in_peace(looking: Looking, network: Facebook) -> None:
    await looking.all()
    await looking.all(after=49 * HOUR)
    network.paths.clear()
    await looking.all(after=HOUR)
    assert not any(path.endswith("/comments") for path in network.paths)


async def test_young_comments_are_read_again_oftener_than_older_ones(looking: Looking, network: Facebook) -> None:
    async def readings(hours: int) -> int:
        network.paths.clear()
        for _ in range(hours * 6):
            await looking.all(after=600)
        return sum(path.endswith("/comments") for path in network.paths)

    await looking.all()
    early = await readings(3)
    await looking.all(after=24 * HOUR)
    late = await readings(3)
    assert early > late > 0


async def test_a_post_that_dies_between_two_calls_is_dropped_and_the_source_lives(
    looking: Looking, network: Facebook
) -> None:
    await looking.all()
    network.comments.append(Thing("1_3", "Never read", looking.clock(), under=f"{PAGE}_1"))
    network.arrives = lambda: network.delete(f"{PAGE}_1")
    gone = await looking.posts(after=300)
    assert {name for name, post in gone.items() if post.deleted} == {f"{PAGE}_1", "1_1", "1_2"}
    network.feed.append(Thing(f"{PAGE}_9", "News", looking.clock(), by=PAGE))
    assert set(await looking.posts(after=300)) == {f"{PAGE}_9"}


async def test_a_post_that_has_no_list_of_comments_is_not_called_deleted(looking: Looking, network: Facebook) -> None:
    network.refused[f"{PAGE}_1/comments"] = GONE
    found = await looking.all()
    assert found.ids == {f"{PAGE}_1", f"{PAGE}_2"}
    network.paths.clear()
    assert (await looking.all(after=HOUR)).posts == []
    assert f"{PAGE}_1" not in network.paths, "it was asked for once"


async def test_lists_that_are_refused_are_spoken_of_once_a_day_and_the_rest_goes_on(
    network: Facebook, client: PoliteClient, clock: Clock
) -> None:
    network.refused[f"{PAGE}/ratings"] = error(200)
    config = Config.model_validate({**POLLED, "api": network.server.url})
    source: LookingSource = pages_source(config, client=client, clock=clock)
    cursor, troubles, seen = None, list[str](), set[str]()
    for _ in range(12):
        page = await source.fetch(cursor)
        troubles += page.troubles
        seen |= {record.post.native_id for record in page.records}
        cursor = page.cursor
        clock.advance(page.wait)
    assert len([trouble for trouble in troubles if "ratings cannot be read" in trouble]) == 1
    assert seen == {f"{PAGE}_1", f"{PAGE}_2", "1_1", "1_2"}


async def test_comments_that_are_refused_are_spoken_of(looking: Looking, network: Facebook) -> None:
    network.refused[f"{PAGE}_1/comments"] = error(10)
    source, cursor, troubles = looking.rig.make(), None, list[str]()
    for _ in range(6):
        page = await source.fetch(cursor)
        troubles += page.troubles
        cursor = page.cursor
    assert len(troubles) == 1
    assert "comments of one post" in troubles[0]


async def test_many_posts_and_comments_keep_the_cursor_small(looking: Looking, network: Facebook) -> None:
    network.page_size = 100
    network.feed = [Thing(f"{PAGE}_{n}", f"Post {n}", minutes_ago(n), by="42") for n in range(1_200)]
    network.comments = [Thing(f"5_{n}", f"Comment {n}", minutes_ago(n / 10), under=f"{PAGE}_5") for n in range(3_000)]
    found = await looking.all()
    assert len(found.ids) == 4_200
    assert len(looking.cursor or b"") < 400_000
    again = await looking.all(after=300)
    assert len(again.posts) == 0


async def test_history_goes_back_as_far_as_it_is_told(network: Facebook, client: PoliteClient, clock: Clock) -> None:
    network.feed += [Thing(f"{PAGE}_y{n}", f"Of day {n}", NOON - timedelta(days=n), by=PAGE) for n in range(1, 60)]
    network.comments.append(Thing("y_1", "Late to it", NOON - timedelta(days=9), under=f"{PAGE}_y12"))
    network.comments.append(Thing("y_2", "Too early", NOON - timedelta(days=11), under=f"{PAGE}_y12"))
    network.refused[f"{PAGE}_y3/comments"] = GONE
    config = Config.model_validate({**POLLED, "api": network.server.url, "calls_per_hour": 1_000_000})
    source = pages_source(config, client=client, clock=clock)
    past = source.history(NOON - timedelta(days=10), name="past")
    found = await harvest(Rig(make=lambda: past, clock=clock, expected=set()), past)
    wanted = {f"{PAGE}_1", f"{PAGE}_2", "1_1", "1_2", "y_1", *(f"{PAGE}_y{n}" for n in range(1, 11))}
    assert found.ids == wanted
    assert found.exhausted


async def test_a_dead_letter_is_read_again_where_it_stood(looking: Looking, network: Facebook) -> None:
    network.comments.append(Thing("1_9", "odd", minutes_ago(2), under=f"{PAGE}_1", raw={"like_count": "many"}))
    network.feed.append(Thing(f"{PAGE}_9", "odd", minutes_ago(3), raw={"shares": 7}))
    letters = (await looking.all()).dead_letters
    where = [f"{PAGE} auroraair comments {PAGE}_1", f"{PAGE} auroraair feed"]
    assert sorted(letter.where for letter in letters) == where
    source = looking.rig.make()
    assert isinstance(source, LookingSource)
    for letter in letters:
        again = source.reread(letter)
        assert again == letter
        mended = letter.raw.replace(b'"many"', b"5").replace(b'"shares": 7', b'"shares": {"count": 7}')
        record = source.reread(replace(letter, raw=mended))
        assert isinstance(record, Record)
        assert record.post.addressed == "facebook:auroraair"
        assert record.post.native_id in {"1_9", f"{PAGE}_9"}
