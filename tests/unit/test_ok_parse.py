"""Topics, comments and messages of Odnoklassniki become records; calls are signed as the network says."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.dead_letter import DeadLetter
from domain.post import Post
from ingest.ok.api import session_secret, signature
from ingest.ok.parse import Comment, Context, Group, Talk, Topic, read_comment, read_message, read_topic
from tests.kit.cases_ok import message
from tests.kit.ingest import NOON
from tests.networks.ok import GROUP

CONTEXT = Context(source="ok", at=NOON)
INFO = Group("Aurora Air", 4_200, 1)
TALK = Talk(GROUP, "GROUP_TOPIC", "42")
TOPIC: dict[str, Any] = {
    "id": 42, "created_ms": 1_795_168_800_123, "author_ref": f"group:{GROUP}",
    "discussion_summary": {"discussion_id": "42", "discussion_type": "GROUP_TOPIC", "comments_count": 7},
    "like_summary": {"count": 3}, "reshare_summary": {"count": 1},
    "media": [{"type": "text", "text": "Рейс задержан."}, {"type": "photo"}, {"type": "text", "text": "Aurora Air"}],
}  # fmt: skip
COMMENT: dict[str, Any] = {
    "id": "MTIz:-5", "text": "И снова Aurora Air", "date": "2026-11-20 14:30:05", "author_id": 5500,
    "author_name": "Ада", "like_count": 2,
}  # fmt: skip


def topic(**other: Any) -> Topic:
    found = read_topic(json.dumps({**TOPIC, **other}).encode(), GROUP, INFO, CONTEXT)
    assert isinstance(found, Topic)
    return found


def comment(talk: Talk = TALK, **other: Any) -> Comment:
    found = read_comment(json.dumps({**COMMENT, **other}).encode(), talk, INFO, CONTEXT)
    assert isinstance(found, Comment)
    return found


def post_of(found: Topic | Comment) -> Post:
    assert found.record is not None
    return found.record.post


def test_a_call_is_signed_as_worked_out_by_hand() -> None:
    # application_key=CAPPKEYcount=10format=jsonmethod=mediatopic.getTopics + the secret of the session, md5
    params = {
        "method": "mediatopic.getTopics", "format": "json", "count": "10", "application_key": "CAPPKEY",
        "access_token": "tkn1",
    }  # fmt: skip
    secret = session_secret("tkn1", "APPSECRET")
    assert secret == "de81aa0139f0e9ccf73fcffdeb9262f0"
    assert signature(params, secret=secret) == "e575dac61fb4957284c3b1a58fbb3603"


def test_the_token_is_not_signed_and_the_order_of_parameters_does_not_matter() -> None:
    one = signature({"b": "2", "a": "1", "access_token": "x"}, secret="s")
    assert one == signature({"a": "1", "b": "2"}, secret="s") == hashlib.md5(b"a=1b=2s").hexdigest()  # noqa: S324


def test_a_topic_of_the_group_is_its_own_post() -> None:
    found = topic()
    post = post_of(found)
    assert (post.native_id, post.url) == (f"{GROUP}/topic/42", f"https://ok.ru/group/{GROUP}/topic/42")
    assert post.text == "Рейс задержан.\nAurora Air"
    assert post.created_at == datetime.fromtimestamp(1_795_168_800.123, UTC)
    assert (post.account, post.addressed, post.author.name, post.author.followers) == (
        f"ok:{GROUP}", "", "Aurora Air", 4_200,
    )  # fmt: skip
    assert (post.engagement.likes, post.engagement.reposts, post.engagement.replies) == (3, 1, 7)
    assert found.comments == 7


def test_a_topic_that_a_visitor_wrote_is_addressed_to_the_group() -> None:
    post = post_of(topic(author_ref="user:77", author_name="Ada"))
    assert (post.account, post.addressed, post.author.followers) == ("ok:77", f"ok:{GROUP}", None)
    assert post.author.url == "https://ok.ru/profile/77"


def test_a_picture_alone_says_nothing_and_a_link_alone_says_its_title() -> None:
    assert topic(media=[{"type": "photo"}]).record is None
    assert post_of(topic(media=[{"type": "link", "title": "Aurora Air grows"}])).text == "Aurora Air grows"


def test_a_comment_is_addressed_to_the_group_and_its_time_is_that_of_moscow() -> None:
    post = post_of(comment())
    assert (post.native_id, post.reply_to) == (f"{GROUP}/topic/42/MTIz:-5", f"{GROUP}/topic/42")
    assert post.created_at == datetime(2026, 11, 20, 11, 30, 5, tzinfo=UTC)
    assert (post.account, post.addressed, post.kind) == ("ok:5500", f"ok:{GROUP}", "comment")
    assert post.author.name == "Ада"


def test_moscow_kept_another_hour_before_2014() -> None:
    assert comment(date="2013-07-01 12:00:00").at == int(datetime(2013, 7, 1, 8, 0, tzinfo=UTC).timestamp())


def test_the_answer_of_the_group_names_what_it_answers_and_is_addressed_to_nobody() -> None:
    post = post_of(comment(author_id=GROUP, reply_to_comment_id="MTIz:-4"))
    assert (post.reply_to, post.account, post.addressed) == (f"{GROUP}/topic/42/MTIz:-4", f"ok:{GROUP}", "")
    assert post.author.url == f"https://ok.ru/group/{GROUP}"


def test_what_is_said_under_a_photo_is_known_by_the_photo() -> None:
    post = post_of(comment(Talk(GROUP, "GROUP_PHOTO", "9")))
    assert (post.native_id, post.reply_to) == (f"{GROUP}/photo/9/MTIz:-5", f"{GROUP}/photo/9")


def test_another_text_is_another_version_and_counters_are_not() -> None:
    assert post_of(comment(text="Aurora Air!")).version != post_of(comment()).version
    assert post_of(comment(like_count=90)).version == post_of(comment()).version


@pytest.mark.parametrize("bad", [{"date": "вчера"}, {"id": None}, {"text": 5}])
def test_a_comment_that_cannot_be_read_is_a_dead_letter(bad: dict[str, Any]) -> None:
    found = read_comment(json.dumps({**COMMENT, **bad}).encode(), TALK, INFO, CONTEXT)
    assert isinstance(found, DeadLetter)
    assert (found.reason, found.where) == ("bad_comment", f"{GROUP}/topic/42")


@pytest.mark.parametrize("bad", [{"created_ms": "soon"}, {"created_ms": 10**30}, {"media": 7}])
def test_a_topic_that_cannot_be_read_is_a_dead_letter(bad: dict[str, Any]) -> None:
    found = read_topic(json.dumps({**TOPIC, **bad}).encode(), GROUP, INFO, CONTEXT)
    assert isinstance(found, DeadLetter)
    assert (found.reason, found.where) == ("bad_topic", GROUP)


def test_a_message_is_addressed_to_the_group() -> None:
    found = read_message(message(3, NOON), GROUP, CONTEXT)
    assert not isinstance(found, DeadLetter)
    assert found is not None
    post = found.post
    assert (post.native_id, post.kind, post.account, post.addressed) == (
        "mid:C3e.3",
        "message",
        "ok:3",
        f"ok:{GROUP}",
    )
    assert post.created_at == NOON


@pytest.mark.parametrize("quiet", [{"message": {"mid": "mid:1"}}, {"sender": {"user_id": f"group:{GROUP}"}}])
def test_a_sticker_and_our_own_message_say_nothing(quiet: dict[str, Any]) -> None:
    assert read_message(message(3, NOON, **quiet), GROUP, CONTEXT) is None


@pytest.mark.parametrize("bad", [{"sender": None}, {"timestamp": "now"}, {"message": {"mid": "", "text": "x"}}])
def test_a_message_that_cannot_be_read_is_a_dead_letter(bad: dict[str, Any]) -> None:
    assert isinstance(read_message(message(3, NOON, **bad), GROUP, CONTEXT), DeadLetter)
