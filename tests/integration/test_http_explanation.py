import asyncio
import threading

import httpx
from jsonschema import Draft202012Validator

from console.api.explanation import MOST_WAITING
from domain.errors import ModelError
from domain.explanation import Explanation
from domain.mention import Mention
from tests.kit.console import console, mention
from tests.kit.words import WeighingJudge
from tocsin.explaining import explain_mention

ADDRESS = f"/api/v1/mentions/{mention().id}/explanation"


def by_words(told: Mention) -> Explanation:
    return explain_mention(told, classifier=WeighingJudge())


async def test_a_mention_is_explained_as_the_openapi_document_describes() -> None:
    async with console(explain=by_words) as client:
        answer = await client.get(ADDRESS)
        document = (await client.get("/schema/openapi.json")).json()
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["text"], found["model"]) == (mention().post.wording, "weighing-1")
    assert set(found["tasks"]) == {"sentiment", "urgency", "theme"}
    for word in found["tasks"]["sentiment"]["words"]:
        assert found["text"][word["start"] : word["end"]] == word["word"]
    described = document["paths"]["/api/v1/mentions/{mention_id}/explanation"]["get"]["responses"]
    schema = described["200"]["content"]["application/json"]["schema"]
    Draft202012Validator({**document, **schema}).validate(found)
    assert set(described) >= {"200", "401", "404", "503"}


async def test_a_mention_that_is_not_there_is_404() -> None:
    async with console(explain=by_words) as client:
        answer = await client.get("/api/v1/mentions/nosuch/explanation")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert "no mention" in answer.json()["detail"]


async def test_without_a_model_the_answer_says_so() -> None:
    async with console() as client:
        answer = await client.get(ADDRESS)
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert "cannot explain" in answer.json()["detail"]


async def test_a_model_that_cannot_be_loaded_names_its_remedy() -> None:
    def broken(_: Mention) -> Explanation:
        raise ModelError("there is no model: build it with `make setup`")

    async with console(explain=broken) as client:
        answer = await client.get(ADDRESS)
    assert (answer.status_code, "make setup" in answer.json()["detail"]) == (503, True)


async def test_explanations_are_made_one_at_a_time_and_too_many_are_sent_away_while_others_read_on() -> None:
    go, lock, at_once, most = threading.Event(), threading.Lock(), 0, 0

    def slow(told: Mention) -> Explanation:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        go.wait(30)
        with lock:
            at_once -= 1
        return by_words(told)

    async with console(explain=slow) as client:
        asked = [asyncio.create_task(client.get(ADDRESS)) for _ in range(MOST_WAITING + 4)]
        done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        assert (await client.get("/api/v1/mentions")).status_code == 200
        go.set()
        answers: list[httpx.Response] = await asyncio.gather(*asked)
    assert all(task.result().headers["retry-after"] == "5" for task in done)
    assert sorted(answer.status_code for answer in answers) == [200] * (MOST_WAITING + 1) + [503] * 3
    assert most == 1
