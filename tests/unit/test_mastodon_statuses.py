"""What a status of Mastodon says, and what a source of it may be told."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from domain.errors import Refused
from domain.post import Author, Engagement, Post
from ingest.mastodon import Config
from ingest.mastodon.channels import Channel
from ingest.mastodon.parse import read_status
from tests.kit.ingest import NOON
from tests.kit.streams import status


def read(given: Any, **other: Any) -> Post | None:
    settings = {"known": {}, "respect_opt_out": True, **other}
    return read_status(given, host="social.example", source="masto", collected_at=NOON, **settings)


def post_of(**other: Any) -> Post:
    found = read(status(7, **other))
    assert found is not None
    return found


def test_a_status_is_read_with_everything_it_says() -> None:
    account = {
        "acct": "inna", "username": "inna", "display_name": "Inna K", "url": "https://social.example/@inna",
        "uri": "https://social.example/users/inna", "followers_count": 1520, "bot": False,
    }  # fmt: skip
    found = read(
        status(
            7, "<p>Aurora <b>Air</b> &amp; co</p><p>again</p>", spoiler_text="bags", language="cs", account=account,
            edited_at="2026-11-20T11:30:00.000Z", in_reply_to_id="6",
            favourites_count=3, reblogs_count=2, replies_count=1,
        ),
        known={"6": "https://other.example/6"},
    )  # fmt: skip
    assert found == Post(
        network="mastodon",
        native_id="https://social.example/users/inna/statuses/7",
        text="bags\nAurora Air & co\nagain",
        created_at=datetime(2026, 11, 20, 11, 0, tzinfo=UTC),
        edited_at=datetime(2026, 11, 20, 11, 30, tzinfo=UTC),
        version="2026-11-20T11:30:00+00:00",
        collected_at=NOON,
        source="masto",
        kind="comment",
        reply_to="https://other.example/6",
        url="https://social.example/@inna/7",
        lang="cs",
        engagement=Engagement(likes=3, reposts=2, replies=1, as_of=NOON),
        author=Author(
            id="https://social.example/users/inna",
            name="Inna K",
            handle="inna@social.example",
            url="https://social.example/@inna",
            followers=1520,
            bot=False,
        ),
    )


def test_only_five_fields_are_needed() -> None:
    bare = {"id": "1", "uri": "u", "account": {}, "content": "Aurora Air", "created_at": "2026-11-20T11:00:00Z"}
    found = read(bare)
    assert found is not None
    assert (found.text, found.author, found.engagement.likes) == ("Aurora Air", Author(), None)


@pytest.mark.parametrize("lost", ["id", "uri", "account", "created_at"])
def test_a_status_without_one_of_them_is_refused(lost: str) -> None:
    with pytest.raises(Refused):
        read({key: value for key, value in status(7).items() if key != lost})


@pytest.mark.parametrize("broken", [None, 7, "x", [], {}, {"id": [], "uri": "u", "account": {}}])
def test_what_is_no_status_is_refused(broken: object) -> None:
    with pytest.raises(Refused):
        read(broken)


def test_a_repost_names_what_it_repeats() -> None:
    found = post_of(reblog=status(3, "<p>Borealis Jet</p>"), content="")
    assert (found.kind, found.text) == ("repost", "Borealis Jet")
    assert found.repost_of == "https://social.example/users/inna/statuses/3"


def test_authors_who_opted_out_are_left_out_unless_config_says_otherwise() -> None:
    for wish in ({"note": "<p>I like <a>#<span>NoBot</span></a></p>"}, {"noindex": True}):
        given = status(7) | {"account": {"acct": "x", **wish}}
        assert read(given) is None
        assert read(given, respect_opt_out=False) is not None


@pytest.mark.parametrize("visibility", ["private", "direct"])
def test_what_is_not_public_is_left_out(visibility: str) -> None:
    assert read(status(7, visibility=visibility)) is None


def test_a_status_without_words_is_its_pictures_or_nothing() -> None:
    given = status(7) | {"content": "<p></p>"}
    assert read(given) is None
    found = read(given | {"media_attachments": [{"description": "Aurora Air plane"}, {"description": None}, 7]})
    assert found is not None
    assert found.text == "Aurora Air plane"


def test_a_time_in_the_future_is_cut_to_now() -> None:
    assert post_of(created_at="2031-01-01T00:00:00Z").created_at == NOON


@pytest.mark.parametrize(
    "wrong",
    [
        {"tags": [], "streams": []},
        {"tags": ["two words"]},
        {"tags": ["a/../b"]},
        {"tags": ["#"]},
        {"streams": ["user"]},
        {"instance": "social.example"},
        {"instance": "https://social.example/api"},
        {"instance": "https://user:pass@social.example"},
        {"instance": "wss://social.example"},
        {"poll_seconds": 0},
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, Any]) -> None:
    given = {"kind": "mastodon", "name": "masto", "instance": "https://social.example", "tags": ["x"]}
    with pytest.raises(ValidationError):
        Config.model_validate(given | wrong)


@pytest.mark.parametrize(
    ("channel", "key", "stream_path", "timeline"),
    [
        (Channel("hashtag", "škoda"), "hashtag:škoda", "/hashtag?tag=%C5%A1koda", ("/tag/%C5%A1koda", {})),
        (Channel("public"), "public", "/public", ("/public", {})),
        (Channel("public:remote"), "public:remote", "/public/remote", ("/public", {"remote": "true"})),
    ],
)
def test_a_channel_has_its_words_in_every_way(
    channel: Channel, key: str, stream_path: str, timeline: tuple[str, dict[str, str]]
) -> None:
    assert channel.key == key
    assert channel.stream_path == f"/api/v1/streaming{stream_path}"
    assert channel.timeline == (f"/api/v1/timelines{timeline[0]}", timeline[1])
