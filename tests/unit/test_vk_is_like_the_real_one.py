"""What the scripted VK answers is what VK's own schema allows: checked with the models that were made from it."""

from typing import Any

import httpx
import pytest
from vkbottle_types.codegen.responses.groups import GroupsGetByIdObjectResponse
from vkbottle_types.codegen.responses.newsfeed import NewsfeedSearchExtendedResponse
from vkbottle_types.codegen.responses.users import UsersGetResponse
from vkbottle_types.codegen.responses.wall import (
    WallGetByIdExtendedResponse,
    WallGetCommentsExtendedResponse,
    WallGetExtendedResponse,
    WallSearchExtendedResponse,
)

from tests.kit.cases_vk import ADA, AURORA, BOB, CITY, NOW, populated
from tests.networks.vk import Vk, serving

ANSWERS = [
    ("wall.get", {"domain": "auroraair"}, WallGetExtendedResponse),
    ("wall.get", {"owner_id": AURORA, "count": 100}, WallGetExtendedResponse),
    ("wall.getById", {"posts": f"{AURORA}_1,{AURORA}_2,{CITY}_1"}, WallGetByIdExtendedResponse),
    ("wall.search", {"owner_id": AURORA, "query": "aurora"}, WallSearchExtendedResponse),
    ("newsfeed.search", {"q": "aurora", "count": 2}, NewsfeedSearchExtendedResponse),
    (
        "wall.getComments",
        {"owner_id": AURORA, "post_id": 1, "need_likes": 1, "thread_items_count": 10, "sort": "desc"},
        WallGetCommentsExtendedResponse,
    ),
    ("groups.getById", {"group_ids": "auroraair,502", "fields": "members_count"}, GroupsGetByIdObjectResponse),
    ("users.get", {"user_ids": f"{ADA},{BOB}"}, UsersGetResponse),
]


def filled(vk: Vk) -> None:
    populated(vk)
    first = vk.post(AURORA, "Aurora Air flies", NOW, is_pinned=1, edited=NOW + 5)
    original = vk.thing(vk.post(CITY, "Aurora Air lands", NOW))
    vk.post(ADA, "look, Aurora Air", NOW, copy_history=[original])
    vk.post(AURORA, "a visitor asks Aurora Air", NOW, by=BOB)
    top = vk.comment(first, "why?", NOW, by=ADA)
    for number in range(3):
        vk.comment(first, f"because {number}", NOW, by=BOB, thread=int(top.rpartition("_r")[2]))
    vk.comment(first, "", NOW, by=BOB, deleted=True)


@pytest.mark.parametrize(("method", "params", "model"), ANSWERS, ids=lambda one: one if isinstance(one, str) else "")
async def test_an_answer_is_one_of_vks(method: str, params: dict[str, Any], model: Any) -> None:
    async with serving("t") as vk, httpx.AsyncClient() as client:
        filled(vk)
        reply = await client.post(
            f"{vk.server.url}/method/{method}",
            data={**params, "extended": 1, "v": "5.199"},
            headers={"authorization": "Bearer t"},
        )
        told = reply.json()
        assert "error" not in told
        read = model(**told).response
        items = getattr(read, "items", None) or getattr(read, "groups", None) or read
        assert items
        for group in getattr(read, "groups", []):
            assert group.screen_name


async def test_likes_without_what_vk_always_sends_would_be_refused() -> None:
    async with serving("t") as vk, httpx.AsyncClient() as client:
        filled(vk)
        vk.thing(f"{AURORA}_1")["likes"] = {"count": 4}
        reply = await client.post(
            f"{vk.server.url}/method/wall.get",
            data={"domain": "auroraair", "extended": 1, "v": "5.199", "access_token": "t"},
        )
        with pytest.raises(ValueError, match="can_like"):
            WallGetExtendedResponse(**reply.json())


async def test_errors_are_as_vk_tells_them() -> None:
    async with serving("t") as vk, httpx.AsyncClient() as client:
        reply = await client.post(f"{vk.server.url}/method/wall.get", data={"v": "5.199", "access_token": "other"})
        assert reply.status_code == 200
        assert reply.json()["error"]["error_code"] == 5
        assert set(reply.json()["error"]) == {"error_code", "error_msg", "request_params"}
