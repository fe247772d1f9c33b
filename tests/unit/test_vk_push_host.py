from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from domain.errors import RetryLater, SourceMisconfigured, SourceStopped
from domain.post import Author
from ingest.vk.api import VkApi
from ingest.vk.push.host import Host, StreamRefused
from ingest.vk.push.joined import Names
from ingest.vk.push.rules import Rule, RuleRefused
from tests.kit.ingest import SECRET, Clock, polite_client
from tests.kit.scripted_http import Asked, Told
from tests.networks.vk_happenings import group, person
from tests.networks.vk_push import VkPush, api_error, vk_push

KEY = "the-key-of-the-stream"
RULE = Rule("aurora air", "tocsin:1")


@pytest.fixture
async def vk() -> AsyncIterator[VkPush]:
    async with vk_push(SECRET) as vk:
        yield vk


@asynccontextmanager
async def host(vk: VkPush, key: str = KEY) -> AsyncIterator[Host]:
    clock = Clock()
    async with polite_client(clock) as client:
        yield Host(vk.url.replace("http", "ws"), key, client=client, limiter_key="vk:stream:x", rate=100, clock=clock)


def refusing(code: int, status: int = 400) -> Told:
    body = f'{{"code": 400, "error": {{"message": "no, {KEY}", "error_code": {code}}}}}'
    return Told(status, body.encode(), {"content-type": "application/json"})


@pytest.mark.parametrize("status", [200, 400, 403])
@pytest.mark.parametrize("code", [1001, 1002, 1003, 1004, 1006, 2000, 2003, 2004, 2005, 2006, 2008, 4242])
async def test_a_refusal_of_the_rules_says_its_code_in_words_and_never_the_key(
    vk: VkPush, code: int, status: int
) -> None:
    vk.misbehave(refusing(code, status))
    async with host(vk) as asked:
        with pytest.raises(StreamRefused) as caught:
            await asked.rules()
    assert (caught.value.code, caught.value.after) == (code, 45.0 if code == 1006 else None)
    assert caught.value.sentence
    assert KEY not in repr(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("code", [2003, 2004, 2005, 2006, 2008])
async def test_a_rule_that_is_not_taken_is_about_that_rule_unless_there_are_too_many(vk: VkPush, code: int) -> None:
    vk.misbehave(refusing(code))
    async with host(vk) as asked:
        with pytest.raises(RuleRefused) as caught:
            await asked.add(RULE)
    assert caught.value.full is (code == 2006)


@pytest.mark.parametrize("code", [1004, 1006, 2000])
async def test_what_is_about_more_than_the_rule_is_no_refusal_of_the_rule(vk: VkPush, code: int) -> None:
    vk.misbehave(refusing(code))
    async with host(vk) as asked:
        with pytest.raises(StreamRefused):
            await asked.add(RULE)


async def test_a_rule_that_is_there_or_gone_already_is_no_error(vk: VkPush) -> None:
    async with host(vk, vk.key) as asked:
        await asked.add(RULE)
        await asked.add(RULE)
        assert await asked.rules() == {RULE.tag: RULE.value}
        await asked.drop(RULE.tag)
        await asked.drop(RULE.tag)
        assert await asked.rules() == {}


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"code": "two hundred"}', b'{"code": 200, "rules": 7}'])
async def test_rules_that_are_none_are_asked_for_again(vk: VkPush, body: bytes) -> None:
    vk.misbehave(Told(200, body))
    async with host(vk) as asked:
        with pytest.raises(RetryLater, match="not its own format"):
            await asked.rules()


@pytest.mark.parametrize(
    ("code", "order"),
    [(1000, StreamRefused), (1003, StreamRefused), (1004, StreamRefused), (1005, SourceMisconfigured),
     (1006, StreamRefused)],
)  # fmt: skip
async def test_a_stream_that_is_not_opened_says_why(vk: VkPush, code: int, order: type[Exception]) -> None:
    vk.misbehave(refusing(code))
    async with host(vk) as asked:
        with pytest.raises(order) as caught:
            await asked.listen(0)
    assert KEY not in repr(caught.value)


@pytest.mark.parametrize(
    ("told", "after"),
    [(Told(429, b"", {"retry-after": "7"}), 7), (Told(500, b"oops"), None), (Told(200, b"?"), None)],
)
async def test_a_stream_that_fails_for_now_is_tried_again(vk: VkPush, told: Told, after: float | None) -> None:
    vk.misbehave(told)
    async with host(vk) as asked:
        with pytest.raises(RetryLater) as caught:
            await asked.listen(0)
    assert caught.value.after == after


@asynccontextmanager
async def names(vk: VkPush, clock: Clock) -> AsyncIterator[Names]:
    async with polite_client(clock) as client:
        yield Names(VkApi(client, token=SECRET, clock=clock, api=vk.url), clock=clock, site="https://vk.ru")


async def test_more_people_than_vk_tells_at_a_time_are_asked_for_in_several_questions(
    vk: VkPush, clock: Clock
) -> None:
    vk.profiles = {n: person(n, "P", screen_name=f"p{n}") for n in range(1, 1_501)}
    vk.groups = {n: group(n, "G", f"g{n}") for n in range(1, 701)}
    async with names(vk, clock) as asked:
        found = await asked.of([*range(-700, 1_501)])
    assert len(found) == 2_200
    assert (found[1_500].handle, found[-700].handle) == ("p1500", "g700")
    assert len(vk.asked) == 4


async def test_somebody_whom_vk_does_not_tell_is_known_by_number_and_asked_for_once(vk: VkPush, clock: Clock) -> None:
    async with names(vk, clock) as asked:
        for _ in range(2):
            found = await asked.of([5, -6])
            assert (found[5].handle, found[-6].handle) == ("id5", "club6")
    assert len(vk.asked) == 2


async def test_people_are_asked_for_again_after_some_hours(vk: VkPush, clock: Clock) -> None:
    vk.profiles[5] = person(5, "Inna", followers_count=10)
    async with names(vk, clock) as asked:
        await asked.of([5])
        vk.profiles[5] = person(5, "Inna", followers_count=20)
        assert (await asked.of([5]))[5].followers == 10
        clock.advance(6 * 3_600 + 1)
        assert (await asked.of([5]))[5].followers == 20


@pytest.mark.parametrize(
    ("code", "order"),
    [
        (1, RetryLater),
        (5, SourceStopped),
        (6, RetryLater),
        (10, RetryLater),
        (14, SourceStopped),
        (17, SourceStopped),
    ],
)
async def test_what_is_about_more_than_names_is_raised(
    vk: VkPush, clock: Clock, code: int, order: type[Exception]
) -> None:
    vk.answers["/method/users.get"] = api_error(code, f"no, {SECRET}")
    async with names(vk, clock) as asked:
        with pytest.raises(order) as caught:
            await asked.of([5])
    assert SECRET not in repr(caught.value)


@pytest.mark.parametrize(("code", "asked_again"), [(9, 1), (15, 1), (18, 1), (29, 1), (100, 1), (113, 1)])
async def test_what_is_about_names_only_costs_the_names(
    vk: VkPush, clock: Clock, code: int, asked_again: int
) -> None:
    vk.answers["/method/users.get"] = api_error(code, "no")
    async with names(vk, clock) as asked:
        for _ in range(3):
            assert (await asked.of([5])).get(5, Author()).name == ""
    assert len(vk.asked) == asked_again


async def test_both_forms_of_an_answer_about_communities_are_read(vk: VkPush, clock: Clock) -> None:
    def older(asked: Asked) -> Told:
        del asked
        return Told(200, b'{"response": [{"id": 501, "name": "Aurora Air", "screen_name": "auroraair"}]}')

    vk.answers["/method/groups.getById"] = older
    async with names(vk, clock) as asked:
        assert (await asked.of([-501]))[-501].handle == "auroraair"
