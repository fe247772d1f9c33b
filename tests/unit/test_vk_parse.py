"""What VK shows, read: posts, reposts, comments, what is deleted, and VK's own markup."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from domain.dead_letter import DeadLetter
from domain.post import Post, Record
from ingest.vk.parse import comment_id, gone, post_id, read_comment, read_post
from ingest.vk.people import read_people
from ingest.vk.text import words
from tests.kit.ingest import NOON

POST: dict[str, Any] = {
    "id": 77, "owner_id": -501, "from_id": 9001, "date": 1_790_000_000, "edited": 1_790_000_300, "post_type": "post",
    "text": "Acme again does not answer #acme", "likes": {"count": 4, "can_like": 1, "user_likes": 0},
    "reposts": {"count": 1, "user_reposted": 0}, "comments": {"count": 2, "can_post": 1}, "views": {"count": 310},
}  # fmt: skip
COMMENT: dict[str, Any] = {
    "id": 9, "from_id": 9001, "date": 1_790_000_000, "text": "Me too", "post_id": 77, "owner_id": -501,
    "likes": {"count": 0, "can_like": 1, "user_likes": 0}, "thread": {"count": 3, "items": []}, "parents_stack": [],
}  # fmt: skip
PEOPLE = read_people(
    [msgspec.Raw(b'{"id": 9001, "first_name": "Inna", "last_name": "K", "screen_name": "innak", '
                 b'"followers_count": 1520}')],
    [msgspec.Raw(b'{"id": 501, "name": "Acme", "screen_name": "AcmeTalk", "members_count": 80000, "verified": 1}'),
     msgspec.Raw(b'{"id": "x"}')],
)  # fmt: skip


def read(raw: dict[str, Any]) -> Any:
    return read_post(json.dumps(raw).encode(), PEOPLE, source="vk", at=NOON)


def the_post(raw: dict[str, Any]) -> Post:
    found = read(raw)
    assert isinstance(found, Record)
    return found.post


def the_comment(raw: dict[str, Any], *, owner: int = 0, post: int = 0) -> Post:
    found = read_comment(json.dumps(raw).encode(), PEOPLE, source="vk", at=NOON, owner=owner, post=post)
    assert isinstance(found, Record)
    return found.post


def test_a_visitors_post_says_all_that_vk_says() -> None:
    post = the_post(POST)
    assert (post.network, post.native_id, post.kind) == ("vk", "-501_77", "post")
    assert post.url == "https://vk.ru/wall-501_77"
    assert post.created_at == datetime.fromtimestamp(1_790_000_000, UTC)
    assert post.edited_at == datetime.fromtimestamp(1_790_000_300, UTC)
    assert post.version == "1790000300"
    assert (post.author.name, post.author.handle, post.author.id, post.author.followers) == (
        "Inna K", "innak", "9001", 1520,
    )  # fmt: skip
    assert post.account == "vk:innak"
    assert post.addressed == "vk:acmetalk"
    told = post.engagement
    assert (told.likes, told.reposts, told.replies, told.views, told.as_of) == (4, 1, 2, 310, NOON)


def test_a_pages_own_post_is_addressed_to_nobody() -> None:
    post = the_post({**POST, "from_id": -501})
    assert (post.account, post.addressed) == ("vk:acmetalk", "")
    assert (post.author.name, post.author.followers, post.author.verified) == ("Acme", 80_000, True)


def test_who_is_not_named_is_called_by_number() -> None:
    post = the_post({**POST, "owner_id": -502, "from_id": 12})
    assert (post.account, post.author.name, post.author.followers) == ("vk:id12", "", None)
    assert post.addressed == "vk:club502"


def test_counters_that_are_not_shown_are_absent_and_broken_ones_cost_nothing() -> None:
    post = the_post({**POST, "likes": "many", "views": {"count": -1}, "reposts": None, "comments": {}})
    told = post.engagement
    assert (told.likes, told.reposts, told.replies, told.views) == (None, None, None, None)


def test_without_an_edit_the_version_follows_the_words_and_not_the_counters() -> None:
    plain = {name: value for name, value in POST.items() if name != "edited"}
    version = the_post(plain).version
    assert version == the_post({**plain, "views": {"count": 9}}).version
    assert version != the_post({**plain, "text": "Acme answers"}).version


def test_a_repost_holds_both_texts_and_names_the_original() -> None:
    first = {**POST, "id": 5, "owner_id": -7, "text": "Aurora Air is grounded"}
    between = {**POST, "id": 6, "owner_id": -8, "text": "Well"}
    post = the_post({**POST, "text": "Look!", "copy_history": [between, first]})
    assert (post.kind, post.repost_of) == ("repost", "-7_5")
    assert post.text == "Look!\nWell\nAurora Air is grounded"
    assert the_post({**POST, "text": "", "copy_history": [first]}).text == "Aurora Air is grounded"


def test_a_post_without_words_is_told_by_what_is_attached_or_is_no_post() -> None:
    poll = {"type": "poll", "poll": {"question": "Do you fly Aurora Air?"}}
    link = {"type": "link", "link": {"title": "Aurora Air", "caption": "aurora.example", "description": 5}}
    post = the_post({**POST, "text": "", "attachments": [poll, link, {"type": "photo"}, 7, {"type": 8}]})
    assert post.text == "Do you fly Aurora Air?\nAurora Air\naurora.example"
    assert read({**POST, "text": " ", "attachments": [{"type": "photo", "photo": {"text": ""}}]}) is None


@pytest.mark.parametrize("kind", ["postpone", "suggest", "post_ads"])
def test_what_is_not_published_is_no_post(kind: str) -> None:
    assert read({**POST, "post_type": kind}) is None


def test_a_comment_answers_the_post() -> None:
    post = the_comment(COMMENT)
    assert (post.native_id, post.kind, post.reply_to) == ("-501_77_r9", "comment", "-501_77")
    assert post.url == "https://vk.ru/wall-501_77?reply=9"
    assert post.addressed == "vk:acmetalk"
    assert post.engagement.replies == 3


def test_a_comment_in_a_thread_answers_the_comment_it_names() -> None:
    inner = {**COMMENT, "id": 12, "parents_stack": [9], "reply_to_comment": 11, "reply_to_user": 4}
    assert the_comment(inner).reply_to == "-501_77_r11"
    assert the_comment(inner).url == "https://vk.ru/wall-501_77?reply=12&thread=9"
    assert the_comment({**inner, "reply_to_comment": None}).reply_to == "-501_77_r9"


def test_a_pages_own_answer_is_its_own() -> None:
    post = the_comment({**COMMENT, "from_id": -501})
    assert (post.account, post.addressed, post.reply_to) == ("vk:acmetalk", "", "-501_77")


def test_a_comment_that_does_not_say_where_it_stands_is_told() -> None:
    bare = {name: value for name, value in COMMENT.items() if name not in {"post_id", "owner_id"}}
    assert the_comment(bare, owner=-501, post=77).native_id == "-501_77_r9"
    assert isinstance(read_comment(json.dumps(bare).encode(), PEOPLE, source="vk", at=NOON), DeadLetter)


def test_a_comment_that_the_search_found_has_the_same_name_as_under_its_post() -> None:
    post = the_post({**COMMENT, "post_type": "reply"})
    assert post == the_comment(COMMENT)


@pytest.mark.parametrize("mark", [{"is_deleted": True}, {"deleted": 1}])
def test_what_is_deleted_is_a_deletion(mark: dict[str, Any]) -> None:
    post = the_post({**POST, "text": "", **mark})
    assert (post.deleted, post.native_id, post.text) == (True, "-501_77", "")
    comment = the_comment({**COMMENT, "text": "", **mark})
    assert (comment.deleted, comment.native_id) == (True, "-501_77_r9")
    assert gone("-501_77", source="vk", at=NOON).post.deleted


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"17", "bad_post"), (b'{"id": "x"}', "bad_post"), (b"[" * 5_000, "bad_post"), (b"\xff", "bad_post"),
        (b'{"id": 1, "text": "a", "date": 5}', "bad_post"),
        (b'{"id": 1, "owner_id": 2, "text": "a", "date": 1e30}', "bad_post"),
        (b'{"id": 1, "owner_id": 2, "text": "a", "date": 99999999999999}', "bad_date"),
        (b'{"id": 1, "owner_id": 2, "text": "a"}', "bad_date"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_a_dead_letter(raw: bytes, reason: str) -> None:
    found = read_post(raw, {}, source="vk", at=NOON)
    assert isinstance(found, DeadLetter)
    assert (found.reason, found.source, found.raw) == (reason, "vk", raw)
    assert found.detail


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("[id1|Ada] and [club501|Aurora Air]", "Ada and Aurora Air"),
        ("[id9001:bp-501_77|Inna], yes", "Inna, yes"),
        ("[https://aurora.example/a|our page] [#alias|news|https://aurora.example]", "our page news"),
        ("[not|a link] [id|x] array[1|2]", "[not|a link] [id|x] array[1|2]"),
        ("<Aurora> is < 5 &amp; > 3 &quot;late&quot;", '<Aurora> is < 5 & > 3 "late"'),
        ("one<br>two &lt;three&gt;<br><br>four", "one\ntwo <three>\nfour"),
        ("one\ntwo & three", "one\ntwo & three"),
        ("рейс [id1|Аврора Эйр] ұшпады", "рейс Аврора Эйр ұшпады"),
        ("[" * 50_000, "[" * 50_000),
        ("[id1|" * 20_000, "[id1|" * 20_000),
    ],
)
def test_vks_markup_is_read_as_people_see_it(written: str, read_as: str) -> None:
    assert words(written) == read_as


def test_native_ids() -> None:
    assert (post_id(-501, 77), comment_id(-501, 77, 9)) == ("-501_77", "-501_77_r9")
