"""Correcting mentions over HTTP."""

from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from domain.correction import wording_id
from tests.kit.console import FULL_DISK, NOW, ScriptedReader, console

ACTS = "/api/v1/acts"


def body(reader: ScriptedReader, **fields: Any) -> dict[str, Any]:
    return {"act": "correct", "mention": reader.mentions[0].id, "by": "Inna", **fields}


async def test_a_correction_is_kept_and_the_mention_is_answered_as_it_stands_now() -> None:
    reader = ScriptedReader()
    async with console(reader=reader) as client:
        answer = await client.post(ACTS, json=body(reader, sentiment="positive", urgency="low"))
    assert answer.status_code == 201, answer.text
    judgement = answer.json()["mention"]["judgement"]
    assert (judgement["sentiment"], judgement["urgency"], judgement["theme"]) == ("positive", "low", "delivery")
    assert judgement["corrected_by"] == "Inna"
    assert judgement["model_said"] == {"sentiment": "negative", "urgency": "high"}
    (kept,) = reader.acts
    assert (kept.id, kept.by, kept.at, kept.brand) == (answer.json()["act"]["id"], "Inna", NOW, "Aurora Air")


async def test_an_act_sent_again_with_its_id_is_done_once() -> None:
    reader = ScriptedReader()
    async with console(reader=reader) as client:
        answers = [await client.post(ACTS, json=body(reader, theme="staff", id="mine")) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert len(reader.acts) == 1


async def test_an_id_used_again_for_other_labels_is_another_act() -> None:
    reader = ScriptedReader()
    async with console(reader=reader) as client:
        for theme in ("staff", "legal"):
            await client.post(ACTS, json=body(reader, theme=theme, id="mine"))
    assert len(reader.acts) == 2


async def test_a_correction_of_a_text_that_was_edited_since_is_refused() -> None:
    reader = ScriptedReader()
    async with console(reader=reader) as client:
        kept = await client.post(ACTS, json=body(reader, theme="staff", wording=wording_id(reader.mentions[0])))
        refused = await client.post(ACTS, json=body(reader, theme="legal", wording="0" * 32))
    assert kept.status_code == 201, kept.text
    assert refused.status_code == 409
    assert "edited" in refused.json()["detail"]
    assert len(reader.acts) == 1


async def test_confirming_takes_no_labels() -> None:
    reader = ScriptedReader()
    async with console(reader=reader) as client:
        answer = await client.post(ACTS, json=body(reader, confirm=True))
    assert answer.json()["act"]["urgency"] == "high"


@pytest.mark.parametrize(
    ("fields", "status", "sentence"),
    [
        ({}, 400, "nothing is said"),
        ({"sentiment": "angry"}, 400, 'sentiment: "angry" is none of negative, neutral, positive'),
        ({"urgency": "unscored"}, 400, "urgency"),
        ({"by": " ", "theme": "staff"}, 400, "by: say who judges"),
        ({"by": 7, "theme": "staff"}, 400, "by"),
        ({"sentimet": "neutral"}, 400, "sentimet"),
        ({"id": "x" * 65, "theme": "staff"}, 400, "id"),
        ({"act": "praise", "theme": "staff"}, 400, "act"),
        ({"mention": "nosuch", "theme": "staff"}, 404, "no mention"),
        ({"theme": "x" * 20_000}, 413, "too large"),
    ],
)
async def test_an_act_that_cannot_be_is_a_problem_that_names_the_mistake(
    fields: dict[str, Any], status: int, sentence: str
) -> None:
    reader = ScriptedReader()
    async with console(reader=reader) as client:
        answer = await client.post(ACTS, json=body(reader, **fields))
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert sentence in answer.json()["detail"]
    assert reader.acts == []


@pytest.mark.parametrize("written", [b"", b"[]", b"{", b"null", b"\xff"])
async def test_a_body_that_is_no_act_is_refused(written: bytes) -> None:
    async with console() as client:
        answer = await client.post(ACTS, content=written, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert answer.json()["detail"]


async def test_a_form_of_a_stranger_s_page_cannot_act() -> None:
    reader = ScriptedReader()
    written = httpx.Request("POST", "http://x", json=body(reader, theme="staff")).content
    async with console(reader=reader) as client:
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
            answer = await client.post(ACTS, content=written, headers={"content-type": kind})
            assert (answer.status_code, answer.headers["content-type"]) == (415, "application/problem+json"), kind
    assert reader.acts == []


async def test_acting_asks_for_the_token() -> None:
    reader = ScriptedReader()
    async with console(reader=reader, token="s3cret") as client:
        refused = await client.post(ACTS, json=body(reader, theme="staff"))
        assert (refused.status_code, reader.acts) == (401, [])
        taken = await client.post(ACTS, json=body(reader, theme="staff"), headers={"authorization": "Bearer s3cret"})
        assert taken.status_code == 201


async def test_a_store_that_cannot_write_now_says_so() -> None:
    reader = ScriptedReader(fails_with=FULL_DISK)
    async with console(reader=reader) as client:
        answer = await client.post(ACTS, json=body(reader, theme="staff"))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "disk is full" in answer.json()["detail"]


async def test_what_waits_for_a_person_can_be_asked_for() -> None:
    reader = ScriptedReader()
    async with console(reader=reader) as client:
        assert (await client.get("/api/v1/mentions?review=true")).status_code == 200
        assert (await client.get("/api/v1/mentions?review=maybe")).status_code == 400
        assert (await client.get("/api/v1/mentions")).status_code == 200
    assert [query.review for query in reader.asked] == [True, True, False, False]


async def test_openapi_describes_the_act_and_its_answers() -> None:
    reader = ScriptedReader()
    async with console(reader=reader) as client:
        document: dict[str, Any] = (await client.get("/schema/openapi.json")).json()
        answer = await client.post(ACTS, json=body(reader, theme="staff"))
    said = document["paths"][ACTS]["post"]
    schema = said["responses"]["201"]["content"]["application/json"]["schema"]
    Draft202012Validator({**document, **schema}).validate(answer.json())
    asked = said["requestBody"]["content"]["application/json"]["schema"]
    Draft202012Validator({**document, **asked}).validate(body(reader, theme="staff"))
