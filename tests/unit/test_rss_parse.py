"""Feeds as they are found in the wild, read without trust."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Refused
from ingest.rss.entry import MOST_ENTRIES, Entry, Feed
from ingest.rss.parse import read_feed
from ingest.rss.posts import Reading, records
from ingest.rss.schedule import max_age, next_interval
from tests.kit.feeds import Story, atom, json_feed, rss
from tests.kit.ingest import NOON

URL = "https://runway.example/news/feed.xml"
STORY = Story(
    id="r-1",
    title="Aurora Air & friends",
    html="<p>Late <b>again</b>.</p><p>Cold.</p>",
    at=NOON,
    link="/news/1",
    author="Ayla Nur",
)


def read(body: bytes, content_type: str = "") -> Feed:
    return read_feed(body, content_type=content_type, url=URL)


@pytest.mark.parametrize("written", [rss([STORY]), atom([STORY]), json_feed([STORY])], ids=["rss", "atom", "json"])
def test_the_three_formats_say_the_same(written: bytes) -> None:
    (entry,) = read(written).entries
    assert entry.id == "r-1"
    assert entry.url == "https://runway.example/news/1"
    assert entry.title == "Aurora Air & friends"
    assert entry.text == "Late again.\nCold."
    assert entry.published == NOON
    assert entry.author == "Ayla Nur"
    assert b"Late" in entry.raw
    assert b"desk@" not in entry.raw, "a mail address is nobody's business"


def test_full_content_is_preferred_to_the_summary() -> None:
    namespace = "http://purl.org/rss/1.0/modules/content/"
    content = f'<content:encoded xmlns:content="{namespace}">&lt;p&gt;The whole of it, long</content:encoded>'
    (entry,) = read(rss([], body=f"<item><guid>1</guid><description>Short</description>{content}</item>")).entries
    assert entry.text == "The whole of it, long"


def test_a_title_alone_is_enough_and_nothing_at_all_is_not() -> None:
    feed = read(rss([], body="<item><title>Aurora Air grounded</title></item><item><guid>x</guid></item>"))
    assert [entry.title for entry in feed.entries] == ["Aurora Air grounded"]
    assert [(unread.reason, unread.where) for unread in feed.unreadable] == [("no_text", "x")]


def test_an_entry_without_an_id_is_known_by_its_link_and_without_a_link_by_its_title_and_date() -> None:
    bare = "<item><title>A</title><pubDate>Fri, 20 Nov 2026 12:00:00 GMT</pubDate></item>"
    linked = "<item><title>A</title><link>https://runway.example/a</link></item>"
    first, second = read(rss([], body=bare + linked)).entries
    assert second.id == "https://runway.example/a"
    assert first.id == read(rss([], body=bare)).entries[0].id
    assert first.id != read(rss([], body=bare.replace("12:00", "13:00"))).entries[0].id


@pytest.mark.parametrize(
    ("encoded", "content_type"),
    [
        ("windows-1251", ""),
        ("utf-16", ""),
        ("koi8-r", ""),
        ("utf-8", "text/xml; charset=utf-8"),
        ("utf-8-sig", ""),
    ],
)
def test_old_encodings_are_read(encoded: str, content_type: str) -> None:
    declared = "utf-8" if encoded == "utf-8-sig" else encoded
    text = rss([Story("1", "Аврора", "Задержали рейс", NOON)]).decode()
    body = text.replace('encoding="utf-8"', f'encoding="{declared}"').encode(encoded)
    assert [(entry.title, entry.text) for entry in read(body, content_type).entries] == [("Аврора", "Задержали рейс")]


@pytest.mark.parametrize(
    "broken",
    [
        rss([STORY])[:-30],
        rss([STORY]).replace(b"Late", b"Late & cold \x0c &nbsp; &unknown;"),
        rss([STORY]).replace(b"</channel>", b"<item><title>x</channel>"),
        b"\n\n  " + rss([STORY]),
        rss([STORY]).replace(b"Cold", b"C\xe9\xfffold"),
    ],
    ids=["cut", "entities", "unclosed", "blank lines first", "invalid UTF-8"],
)
def test_broken_xml_with_usable_entries_is_used(broken: bytes) -> None:
    assert "Aurora Air & friends" in [entry.title for entry in read(broken).entries]


@pytest.mark.parametrize(
    "body",
    [b"", b"   ", b"<html><body>Sign in to the free network</body></html>", b"\x00\xff\x1b", b"{}", b"[1]",
     b"{" * 50_000, b'{"items": 7}', b'{"items": "\xff"}', b"not found", b"<?xml version='1.0'?>"],
)  # fmt: skip
def test_what_is_no_feed_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(Refused) as caught:
        read(body, "application/json" if body.startswith(b"[") else "")
    assert caught.value.reason == "not_a_feed"


def test_an_empty_feed_is_a_feed() -> None:
    assert read(rss([])).entries == []
    assert read(json_feed([])).entries == []


def test_a_feed_that_is_the_name_of_a_file_opens_no_file(tmp_path: Path) -> None:
    secret = tmp_path / "feed.xml"
    secret.write_bytes(rss([STORY]))
    with pytest.raises(Refused):
        read(str(secret).encode())


def test_entities_neither_read_files_nor_grow(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("crown jewels")
    head = f'<!DOCTYPE r [<!ENTITY f SYSTEM "file://{secret}"><!ENTITY a "lollol"><!ENTITY b "{"&a;" * 50}">'
    laughs = "".join(f'<!ENTITY {c} "{f"&{p};" * 50}">' for p, c in zip("bcdefg", "cdefgh", strict=True))
    body = rss([], body="<item><title>A &f; B</title></item><item><title>C &h; D</title></item>")
    for entry in read(body.replace(b"<rss", f"{head}{laughs}]><rss".encode(), 1)).entries:
        assert "crown" not in entry.title
        assert len(entry.title) < 1_000_000


@pytest.mark.parametrize(
    "body",
    [
        b"<rss version='2.0'><channel><item>" + b"<a>" * 50_000,
        b"<rss version='2.0'><channel>" + b"<item/>" * 200_000,
        b"<rss><item " + b"".join(b"a%d='1' " % n for n in range(20_000)) + b"/></rss>",
        b"<rss><item>" + "".join(f"<a{n}>" for n in range(9_000)).encode("ascii") + b"</item></rss>",
        ("<rss version='2.0'><channel><item>" + "<a>" * 50_000).encode("utf-16"),
    ],
    ids=["deep", "many", "attributes", "names", "utf-16"],
)
def test_feeds_that_would_take_minutes_are_refused(body: bytes) -> None:
    with pytest.raises(Refused) as caught:
        read(body)
    assert caught.value.reason == "too_complex"


def test_an_overlong_feed_says_what_it_left_out() -> None:
    stories = [Story(str(n), f"t{n}", "x") for n in range(MOST_ENTRIES + 2)]
    for written in (rss(stories), json_feed(stories)):
        feed = read(written)
        assert len(feed.entries) == MOST_ENTRIES
        assert [(unread.reason, unread.detail[:10]) for unread in feed.unreadable] == [
            ("too_many_entries", "2 entries ")
        ]


def test_one_bad_item_of_a_json_feed_spoils_no_other() -> None:
    feed = read(
        json_feed([STORY], items=["no object", {"id": [], "title": "x"}, {"id": 5, "content_text": "<plain>"}])
    )
    assert [(entry.id, entry.text) for entry in feed.entries] == [("r-1", "Late again.\nCold."), ("5", "<plain>")]
    assert [unread.reason for unread in feed.unreadable] == ["bad_item", "bad_item"]
    assert feed.unreadable[0].raw == b'"no object"'


def test_a_mail_address_names_nobody() -> None:
    people = {"desk@x.example": "", "desk@x.example (Ayla Nur)": "Ayla Nur", "Ayla Nur": "Ayla Nur", "a@b (c@d)": ""}
    for written, name in people.items():
        (entry,) = read(rss([], body=f"<item><title>x</title><author>{written}</author></item>")).entries
        assert entry.author == name


@given(st.binary(max_size=300))
def test_no_bytes_are_strange_enough_to_fail(body: bytes) -> None:
    for dressed in (body, b"<rss version='2.0'><channel><item>" + body, b'{"items": [' + body + b"]}"):
        with suppress(Refused):
            read(dressed)


@given(
    st.dictionaries(
        st.sampled_from(["id", "url", "title", "content_html", "summary", "date_published", "authors", "language"]),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.text(max_size=20),
            lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
            max_leaves=4,
        ),
    )
)
def test_no_json_item_is_strange_enough_to_fail(item: dict[str, object]) -> None:
    feed = read(json.dumps({"items": [item]}).encode())
    assert len(feed.entries) + len(feed.unreadable) == 1
    for record in records(feed, reading()):
        assert record.post.native_id


def test_the_pause_a_feed_asks_for() -> None:
    period = "<sy:updatePeriod>daily</sy:updatePeriod><sy:updateFrequency>4</sy:updateFrequency>"
    assert read(rss([], channel="<ttl>90</ttl>")).pause == 5_400
    assert read(rss([], channel=period)).pause == 21_600
    assert read(rss([], channel=f"<ttl>90</ttl>{period}")).pause == 21_600
    assert read(rss([], channel="<ttl>soon</ttl><sy:updatePeriod>often</sy:updatePeriod>")).pause == 0


def test_the_rhythm_follows_the_news_between_five_minutes_and_an_hour() -> None:
    def after(previous: float, *, news: bool, asked: float = 0) -> float:
        return next_interval(previous, news=news, every=None, asked=asked)

    assert after(0, news=True) == 300
    assert after(300, news=False) == 450
    assert after(3_000, news=False) == 3_600
    assert after(1_000, news=True) == 500
    assert after(400, news=True) == 300
    assert after(300, news=True, asked=7_200) == 7_200, "never sooner than the feed asks for"
    assert after(300, news=True, asked=10**12) == 86_400, "but a day is the longest it may ask for"
    assert next_interval(300, news=False, every=30, asked=7_200) == 30, "the operator's word wins"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("max-age=600", 600), ("public, Max-Age=60, x", 60), ("s-maxage=9", 0), ("max-age=x", 0), ("", 0)],
)
def test_the_servers_max_age_is_read(header: str, seconds: float) -> None:
    assert max_age({"cache-control": header}) == seconds


def reading(*, first: bool = True, address: str = URL) -> Reading:
    return Reading(
        address=address,
        source="runway",
        network="news",
        lang="kk",
        collected_at=NOON,
        history_before=NOON - timedelta(hours=24) if first else None,
    )


def feed_of(*entries: Entry) -> Feed:
    return Feed(title="The Runway", entries=list(entries), unreadable=[])


def test_a_post_says_who_where_and_when() -> None:
    (record,) = records(read(rss([STORY])), reading())
    post = record.post
    assert (post.network, post.kind, post.source) == ("news", "article", "runway")
    assert post.native_id == "runway.example/news/feed.xml#r-1"
    assert (post.title, post.text) == ("Aurora Air & friends", "Late again.\nCold.")
    assert (post.author.id, post.author.name, post.author.handle) == (
        "runway.example:Ayla Nur",
        "Ayla Nur",
        "runway.example",
    )
    assert post.account == "news:runway.example", "a brand's own blog is named by its host"
    assert (post.lang, post.url) == ("en", "https://runway.example/news/1")


def test_a_global_id_stays_as_it_is_and_an_endless_one_is_hashed() -> None:
    ids = ["urn:uuid:1", "tag:x,2026:1", "https://x.example/?p=1", "7" * 10_000]
    found = records(feed_of(*(Entry(id=own, title=own[:20]) for own in ids)), reading())
    native_ids = {record.post.native_id for record in found}
    assert set(ids[:3]) < native_ids
    assert all(len(own) <= 500 for own in native_ids)


def test_the_same_guid_in_two_feeds_is_two_posts() -> None:
    feed = feed_of(Entry(id="1", title="x"))
    one, other = (
        records(feed, reading(address=f"https://{host}/feed"))[0].post.id for host in ("a.example", "b.example")
    )
    assert one != other


def test_a_feed_that_calls_all_its_entries_the_same_loses_none() -> None:
    entries = [Entry(id="0", title=f"t{n}", url=f"https://x.example/{n}") for n in range(3)]
    forward = {r.post.native_id: r.post.title for r in records(feed_of(*entries), reading())}
    backward = {r.post.native_id: r.post.title for r in records(feed_of(*reversed(entries)), reading())}
    assert sorted(forward.values()) == ["t0", "t1", "t2"]
    assert forward == backward


def test_an_entry_written_twice_is_one_post() -> None:
    twice = Entry(id="urn:1", title="x", url="https://x.example/1")
    assert len(records(feed_of(twice, twice), reading())) == 1


@pytest.mark.parametrize(
    ("claimed", "believed"),
    [
        (None, NOON),
        (datetime(1988, 5, 1, tzinfo=UTC), NOON),
        (NOON + timedelta(days=2), NOON),
        (NOON + timedelta(hours=20), NOON + timedelta(hours=20)),
        (NOON - timedelta(days=3_000), NOON - timedelta(days=3_000)),
    ],
)
def test_a_date_is_believed_unless_it_is_absent_or_absurd(claimed: datetime | None, believed: datetime) -> None:
    (record,) = records(feed_of(Entry(id="1", title="x", published=claimed)), reading())
    assert record.post.created_at == believed


def test_an_edit_is_a_new_version_of_the_same_post_and_a_touched_date_is_not() -> None:
    def version(title: str, hours: int) -> tuple[str, str]:
        entry = Entry(id="1", title=title, published=NOON, updated=NOON + timedelta(hours=hours))
        post = records(feed_of(entry), reading())[0].post
        return post.native_id, post.version

    assert version("late", 0) == version("late", 1)
    assert version("late", 0)[0] == version("later", 0)[0]
    assert version("late", 0)[1] != version("later", 0)[1]


def test_at_the_first_look_old_and_undated_entries_are_history_and_later_none_is() -> None:
    entries = feed_of(
        Entry(id="fresh", title="x", published=NOON - timedelta(hours=23)),
        Entry(id="old", title="x", published=NOON - timedelta(hours=25)),
        Entry(id="undated", title="x"),
        Entry(id="absurd", title="x", published=datetime(1970, 1, 1, tzinfo=UTC)),
    )
    origins = {r.post.native_id.partition("#")[2]: r.post.origin for r in records(entries, reading())}
    assert origins == {"fresh": "live", "old": "backfill", "undated": "backfill", "absurd": "backfill"}
    assert {r.post.origin for r in records(entries, reading(first=False))} == {"live"}
