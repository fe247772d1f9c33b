import json
from typing import Any

import msgspec
import pytest

from domain.dead_letter import DeadLetter
from domain.post import Author, Post, Record
from ingest.vk.parse import read_comment, read_post
from ingest.vk.push.events import KNOWN, people_of, read_again, read_envelope, to_post
from tests.kit.ingest import NOON
from tests.networks.vk_happenings import GROUP, comment, message, post, removal, update

NOW = NOON.timestamp()
PAGE = Author(id="-501", handle="auroraair", name="Aurora Air")
PEOPLE = {-GROUP: PAGE, 9001: Author(id="9001", handle="innak", name="Inna K", followers=1_520)}


def read(kind: str, told: Any) -> Record | DeadLetter | None:
    return to_post(read_envelope(json.dumps(update(kind, told)).encode()), PEOPLE, source="page", at=NOON)


def seen(kind: str, told: Any) -> Post:
    found = read(kind, told)
    assert isinstance(found, Record), found
    return found.post


SHOP = "market-501?w=product-501_33"
WALL, PHOTO, VIDEO, GOODS, TOPIC = "-501_70", "photo-501_33", "video-501_33", "market-501_33", "topic-501_33"


@pytest.mark.parametrize("act", ["new", "edit", "restore"])
@pytest.mark.parametrize(
    ("what", "place", "gone", "under", "url"),
    [
        ("wall_reply", {"post_id": 70, "post_owner_id": -501}, {"post_id": 70}, WALL, "wall-501_70?reply=9"),
        ("photo_comment", {"photo_id": 33, "photo_owner_id": -501}, {"photo_id": 33}, PHOTO, "photo-501_33?reply=9"),
        ("video_comment", {"video_id": 33, "video_owner_id": -501}, {"video_id": 33}, VIDEO, "video-501_33?reply=9"),
        ("market_comment", {"item_id": 33, "market_owner_id": -501}, {"item_id": 33}, GOODS, SHOP),
        ("market_comment", {"photo_id": 33, "market_owner_id": -501}, {"item_id": 33}, GOODS, SHOP),
        ("board_post", {"topic_id": 33, "topic_owner_id": -501}, {"topic_id": 33}, TOPIC, "topic-501_33?post=9"),
    ],
)  # fmt: skip
def test_a_comment_has_the_same_id_whatever_becomes_of_it(
    what: str, place: dict[str, int], gone: dict[str, int], under: str, url: str, act: str
) -> None:
    found = seen(f"{what}_{act}", comment(9, NOW, "[id1|Ada], Aurora Air is late", **place))
    assert (found.native_id, found.reply_to, found.url) == (f"{under}_r9", under, f"https://vk.ru/{url}")
    assert (found.kind, found.network, found.text) == ("comment", "vk", "Ada, Aurora Air is late")
    assert (found.author, found.addressed) == (PEOPLE[9001], "vk:auroraair")
    owner = "topic_owner_id" if what == "board_post" else "owner_id"
    deleted = seen(f"{what}_delete", removal(9, **gone, **{owner: -501}))
    assert (deleted.native_id, deleted.deleted) == (f"{under}_r9", True)


def test_a_comment_of_the_community_itself_asks_nobody_and_says_what_it_answers() -> None:
    place = {"post_id": 70, "post_owner_id": -501}
    found = seen("wall_reply_new", comment(12, NOW, "We are sorry", author=-501, reply_to_comment=9, **place))
    assert (found.account, found.addressed, found.reply_to) == ("vk:auroraair", "", "-501_70_r9")
    answer = comment(13, NOW, "[id9001:bp-501_3|Inna], we are sorry", author=-501, topic_id=33, topic_owner_id=-501)
    found = seen("board_post_new", answer)
    assert (found.reply_to, found.text) == ("topic-501_33_r3", "Inna, we are sorry")
    under_a_photo = {"photo_id": 33, "photo_owner_id": -501, "reply_to_comment": 9}
    found = seen("photo_comment_new", comment(14, NOW, "Sorry", author=-501, **under_a_photo))
    assert found.reply_to == "photo-501_33_r9"


def test_posts_of_visitors_are_addressed_to_the_community_and_its_own_are_not() -> None:
    assert seen("wall_post_new", post(71, NOW, "Where is my bag?")).addressed == "vk:auroraair"
    own = seen("wall_post_new", post(72, NOW, "We fly again", author=-GROUP))
    assert (own.addressed, own.account) == ("", "vk:auroraair")


def test_a_repost_stands_on_the_wall_of_who_reposted() -> None:
    original = post(70, NOW - 60, "Aurora Air flies again", author=-GROUP)
    found = seen("wall_repost", post(5, NOW, "At last", owner=9001, copy_history=[original]))
    assert (found.native_id, found.kind, found.repost_of) == ("9001_5", "repost", "-501_70")
    assert found.text == "At last\nAurora Air flies again"
    assert found.addressed == ""


def test_posts_and_comments_are_what_polling_makes_of_them() -> None:
    told = post(70, NOW, "Aurora [club501|Air] <3", edited=int(NOW) + 5)
    polled = read_post(json.dumps(told).encode(), PEOPLE, source="page", at=NOON)
    assert isinstance(polled, Record)
    assert seen("wall_post_new", told) == polled.post
    told = comment(9, NOW, "Aurora Air", post_id=70, owner_id=-501)
    polled = read_comment(json.dumps(told).encode(), PEOPLE, source="page", at=NOON)
    assert isinstance(polled, Record)
    assert seen("wall_reply_new", told) == polled.post


def test_a_message_asks_the_community_and_its_answer_answers_what_came_before() -> None:
    asked = seen("message_new", {"message": message(4, NOW, "Where is my bag?"), "client_info": {}})
    assert (asked.kind, asked.native_id, asked.addressed) == ("message", "im-501_9001_4", "vk:auroraair")
    assert (asked.reply_to, asked.url) == ("", "https://vk.ru/gim501?sel=9001")
    answered = seen("message_reply", message(5, NOW, "On its way", author=-GROUP))
    assert (answered.reply_to, answered.addressed, answered.account) == ("im-501_9001_4", "", "vk:auroraair")
    quoted = message(7, NOW, "That one too", author=-GROUP, reply_message={"conversation_message_id": 2})
    assert seen("message_reply", quoted).reply_to == "im-501_9001_2"


def test_an_edited_message_is_another_version_of_it() -> None:
    first = seen("message_new", {"message": message(4, NOW, "Where is my bag?")})
    edited = seen("message_edit", message(4, NOW, "Where are my bags?", update_time=int(NOW) + 9))
    assert first.native_id == edited.native_id
    assert first.version != edited.version
    assert edited.edited_at is not None


def test_what_is_said_in_a_chat_of_several_is_addressed_to_nobody() -> None:
    found = seen("message_new", {"message": message(4, NOW, "Aurora Air?", peer_id=2_000_000_003)})
    assert (found.native_id, found.addressed) == ("im-501_2000000003_4", "")
    assert found.url == "https://vk.ru/gim501?sel=c3"


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("group_join", {"user_id": 9001, "join_type": "join"}),
        ("like_add", {"liker_id": 9001}),
        ("an_event_of_next_year", {"text": "Aurora Air"}),
        ("wall_post_new", post(73, NOW, "soon", post_type="postpone")),
        ("wall_post_new", post(74, NOW, "perhaps", post_type="suggest")),
        ("message_new", {"message": message(4, NOW, "")}),
        ("wall_reply_new", comment(9, NOW, "", post_id=70, owner_id=-501)),
    ],
)
def test_what_is_no_post_is_passed_over(kind: str, told: Any) -> None:
    assert read(kind, told) is None


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("wall_post_new", ["no", "object"]),
        ("wall_post_new", post(0, 0, "when?")),
        ("wall_reply_new", {"id": "nine"}),
        ("wall_reply_new", comment(9, NOW, "under what?", owner_id=-501)),
        ("photo_comment_new", comment(9, NOW, "of what?", photo_owner_id=-501)),
        ("wall_reply_delete", {"owner_id": -501, "id": True, "post_id": 70}),
        ("message_new", {"message": {"text": "from whom?"}}),
        ("message_new", {"message": message(4, NOW, "", date="noon")}),
        ("board_post_delete", {}),
    ],
)
def test_what_cannot_be_read_is_a_dead_letter_that_can_be_read_again(kind: str, told: Any) -> None:
    letter = read(kind, told)
    assert isinstance(letter, DeadLetter)
    assert (letter.stage, letter.where, letter.source) == ("parse", kind, "page")
    again = read_again(letter, at=NOON)
    assert isinstance(again, DeadLetter)
    mended = msgspec.structs.replace(letter, raw=json.dumps(update("wall_post_new", post(1, NOW, "Hm"))).encode())
    assert isinstance(read_again(mended, at=NOON), Record)
    nothing = msgspec.structs.replace(letter, raw=b"nothing")
    assert isinstance(read_again(nothing, at=NOON), DeadLetter)


def test_the_secret_is_not_kept_with_the_evidence() -> None:
    raw = json.dumps({**update("wall_post_new", post(1, NOW, "Hm")), "secret": "hush-hush"}).encode()
    found = to_post(read_envelope(raw), PEOPLE, source="page", at=NOON)
    assert isinstance(found, Record)
    assert b"hush-hush" not in found.raw
    assert json.loads(found.raw)["object"]["id"] == 1


def test_an_event_says_whose_names_it_needs() -> None:
    def of(kind: str, told: Any) -> set[int]:
        return people_of(read_envelope(json.dumps(update(kind, told)).encode()))

    assert of("wall_reply_new", comment(9, NOW, "x", post_id=70, post_owner_id=-7)) == {9001, -7, -501}
    assert of("message_new", {"message": message(4, NOW, "x")}) == {9001, -501}
    assert of("wall_reply_delete", removal(9, owner_id=-501, post_id=70)) == set()
    assert of("wall_post_new", "nothing") == set()
    assert of("group_join", {"user_id": 5, "from_id": 5}) == set()


def test_every_kind_of_comment_is_known_in_every_act() -> None:
    assert len(KNOWN) == 5 * 4 + 2 + 3
