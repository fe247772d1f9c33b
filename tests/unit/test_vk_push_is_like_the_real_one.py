"""The scripted VK says what VK's own schema allows: checked against the models that vkbottle makes of the schema."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from vkbottle_types.codegen.responses.groups import (
    GroupsGetByIdObjectResponse,
    GroupsGetCallbackConfirmationCodeResponse,
    GroupsGetLongPollServerResponse,
    GroupsGetLongPollSettingsResponse,
)
from vkbottle_types.codegen.responses.streaming import StreamingGetServerUrlResponse
from vkbottle_types.codegen.responses.users import UsersGetResponse
from vkbottle_types.events import bot_events
from vkbottle_types.events.enums import GroupEventType

from ingest.vk.push.events import KNOWN
from tests.kit.cases_vk_push import SPOTS, changed, happenings
from tests.kit.ingest import NOON, SECRET
from tests.networks.vk_happenings import GROUP, comment, message, person, post, removal, update
from tests.networks.vk_push import VkPush, vk_push

NOW = NOON.timestamp()


def model(kind: str) -> Any:
    """The model of an event; that of `wall_reply_new` is `WallReplyNew`."""
    return getattr(bot_events, "".join(word.title() for word in kind.split("_")))


def test_vk_knows_every_event_that_we_read() -> None:
    assert {kind.value for kind in GroupEventType} >= KNOWN


def test_vk_knows_no_event_for_reviews() -> None:
    assert not [kind.value for kind in GroupEventType if "review" in kind.value]


@pytest.mark.parametrize("told", happenings()[0][:-3], ids=lambda told: told["type"])
def test_what_happens_is_what_the_schema_allows(told: dict[str, Any]) -> None:
    model(told["type"]).model_validate(told)


@pytest.mark.parametrize("told", happenings()[0][-3:], ids=lambda told: told["type"])
def test_what_is_meant_to_be_unreadable_is_refused_or_says_nothing(told: dict[str, Any]) -> None:
    try:
        read = model(told["type"]).model_validate(told)
    except ValueError:
        return
    assert read.object.id is None


@pytest.mark.parametrize("spot", SPOTS)
@pytest.mark.parametrize("act", ["edit", "delete"])
def test_edits_and_deletions_are_what_the_schema_allows(spot: str, act: str) -> None:
    told = changed("-501_70_r9" if not spot else f"{spot}-501_33_r7", act)
    read = model(told["type"]).model_validate(told)
    assert read.object.id in {7, 9}
    assert read.group_id == GROUP


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("wall_repost", post(5, NOW, "At last", owner=9001, copy_history=[post(70, NOW, "We fly", author=-GROUP)])),
        ("message_new", {"message": message(4, NOW, "Where is my bag?"), "client_info": {}}),
        ("message_reply", message(5, NOW, "On its way", author=-GROUP)),
        ("message_edit", message(4, NOW, "Where are my bags?", update_time=int(NOW) + 9)),
        ("wall_reply_restore", comment(9, NOW, "Aurora Air", post_id=70, owner_id=-GROUP, parents_stack=[3])),
        ("board_post_delete", removal(7, topic_id=33, topic_owner_id=-GROUP)),
    ],
)
def test_events_of_the_other_tests_are_what_the_schema_allows(kind: str, told: Any) -> None:
    read = model(kind).model_validate(update(kind, told))
    assert read.event_id


@pytest.fixture
async def vk() -> AsyncIterator[VkPush]:
    async with vk_push(SECRET) as vk:
        vk.profiles[9001] = person(9001, "Inna", screen_name="innak", followers_count=1_520)
        yield vk


@pytest.mark.parametrize(
    ("method", "params", "response"),
    [
        ("streaming.getServerUrl", {}, StreamingGetServerUrlResponse),
        ("users.get", {"user_ids": "9001"}, UsersGetResponse),
        ("groups.getById", {"group_ids": "501"}, GroupsGetByIdObjectResponse),
        ("groups.getLongPollServer", {"group_id": "501"}, GroupsGetLongPollServerResponse),
        ("groups.getLongPollSettings", {"group_id": "501"}, GroupsGetLongPollSettingsResponse),
        ("groups.getCallbackConfirmationCode", {"group_id": "501"}, GroupsGetCallbackConfirmationCodeResponse),
    ],
)
async def test_answers_are_what_the_schema_allows(
    vk: VkPush, method: str, params: dict[str, str], response: Any
) -> None:
    async with httpx.AsyncClient() as client:
        told = await client.post(vk.at(f"/method/{method}"), data={**params, "access_token": SECRET, "v": "5.199"})
    assert response.model_validate(told.json()).response


async def test_what_the_long_poll_server_tells_is_what_the_schema_allows(vk: VkPush) -> None:
    vk.happen(*happenings()[0][:-3])
    async with httpx.AsyncClient() as client:
        asked = {"act": "a_check", "key": "poll1", "ts": "0", "wait": "25"}
        told = (await client.get(vk.at("/poll"), params=asked)).json()
    assert told["ts"] == str(len(told["updates"]))
    for one in told["updates"]:
        model(one["type"]).model_validate(one)
