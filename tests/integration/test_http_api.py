import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from console.ports import Readiness, SourceState
from console.server import CannotListen, serve
from domain.mention import Mention
from tests.kit.console import (
    BAD_QUERY,
    FULL_DISK,
    NOW,
    ScriptedInbox,
    ScriptedReader,
    console,
    incident,
)


async def test_the_process_says_that_it_lives() -> None:
    async with console(readiness=Readiness(problems=["source news: gone"])) as client:
        answer = await client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_readiness_names_what_does_not_work() -> None:
    state = SourceState(state="stopped", detail="401: token refused")
    async with console(readiness=Readiness(sources={"news": state}, problems=["source news: 401"])) as client:
        answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["problems"] == ["source news: 401"]
    assert answer.json()["sources"]["news"]["detail"] == "401: token refused"


async def test_readiness_without_problems_is_200() -> None:
    async with console() as client:
        assert (await client.get("/readyz")).status_code == 200


async def test_metrics_come_in_the_text_format_of_prometheus() -> None:
    async with console() as client:
        answer = await client.get("/metrics")
    assert answer.text == "tocsin_posts_total 5\n"
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")


async def test_mentions_are_filtered_and_paged() -> None:
    reader = ScriptedReader()
    asked = {
        "brand": "Aurora Air",
        "query": "отмен*",
        "since": "2d",
        "until": "2026-03-02T10:00+06:00",
        "sentiment": "negative",
        "urgency": "high",
        "theme": "delivery",
        "network": "mastodon",
        "lang": "ru",
        "limit": "2",
        "offset": "1",
    }
    async with console(reader=reader) as client:
        answer = await client.get("/api/v1/mentions", params=asked)
    assert answer.status_code == 200, answer.text
    page = answer.json()
    assert (page["total"], page["limit"], page["offset"]) == (3, 2, 1)
    assert msgspec.convert(page["mentions"], list[Mention]) == reader.mentions[1:]
    query = reader.asked[0]
    assert (query.brand, query.text, query.sentiment, query.urgency) == ("Aurora Air", "отмен*", "negative", "high")
    assert (query.theme, query.network, query.lang) == ("delivery", "mastodon", "ru")
    assert query.since == datetime(2026, 2, 28, 12, tzinfo=UTC)
    assert query.until == datetime(2026, 3, 2, 4, tzinfo=UTC)


async def test_stats_give_shares_of_voice_and_of_answers() -> None:
    async with console() as client:
        found = (await client.get("/api/v1/stats?since=7d")).json()
    assert found["mentions"] == 4
    assert {row["brand"]: row["share"] for row in found["brands"]} == {"Aurora Air": 0.75, "Borealis Jet": 0.25}
    assert [(row["answered"], row["response_seconds"]) for row in found["brands"]] == [(2, 720.0), (0, None)]


async def test_brands_are_listed_with_their_queries() -> None:
    async with console() as client:
        found = (await client.get("/api/v1/brands")).json()
    assert [brand["query"] for brand in found["brands"]] == ['"aurora air"', '"borealis jet"']


async def test_incidents_are_listed_by_status_and_shown_by_id() -> None:
    async with console() as client:
        assert len((await client.get("/api/v1/incidents?status=open")).json()["incidents"]) == 1
        assert (await client.get("/api/v1/incidents?status=resolved")).json()["incidents"] == []
        assert (await client.get(f"/api/v1/incidents/{incident().id}")).json()["mentions"] == 47


@pytest.mark.parametrize(
    ("path", "status", "sentence"),
    [
        ("/api/v1/incidents/nosuch", 404, "no incident"),
        ("/api/v1/nosuch", 404, "openapi.json"),
        ("/api/v1/mentions?limit=0", 400, "limit"),
        ("/api/v1/mentions?limit=many", 400, "limit"),
        ("/api/v1/mentions?offset=-1", 400, "offset"),
        ("/api/v1/mentions?sentiment=angry", 400, "sentiment"),
        ("/api/v1/mentions?sentimet=negative", 400, 'did you mean "sentiment"?'),
        ("/api/v1/mentions?since=yesterday", 400, "since"),
        ("/api/v1/mentions?since=99999999d", 400, "since"),
        ("/api/v1/mentions?query=" + "x" * 5000, 400, "query"),
        ("/api/v1/incidents?status=closed", 400, "status"),
        ("/api/v1/stats?limit=3", 400, "limit"),
    ],
)
async def test_a_bad_request_is_answered_with_a_problem_that_names_the_mistake(
    path: str, status: int, sentence: str
) -> None:
    async with console() as client:
        answer = await client.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert sentence in answer.json()["detail"]


async def test_a_wrong_method_is_a_problem_too() -> None:
    async with console() as client:
        answer = await client.delete("/api/v1/mentions")
    assert (answer.status_code, answer.headers["content-type"]) == (405, "application/problem+json")


async def test_a_query_that_cannot_be_read_gets_place_and_remedy() -> None:
    async with console(reader=ScriptedReader(fails_with=BAD_QUERY)) as client:
        answer = await client.get("/api/v1/mentions?query=(a")
    assert answer.status_code == 400
    assert answer.json()["detail"] == "query: unbalanced bracket at character 4: close it"


async def test_a_store_that_cannot_answer_now_is_503_with_a_time_to_retry() -> None:
    async with console(reader=ScriptedReader(fails_with=FULL_DISK)) as client:
        answer = await client.get("/api/v1/stats")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "disk is full" in answer.json()["detail"]


async def test_a_bug_shows_no_stack_trace_and_no_words_of_the_exception() -> None:
    async with console(reader=ScriptedReader(fails_with=RuntimeError("token xoxb-1"))) as client:
        answer = await client.get("/api/v1/mentions")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "xoxb" not in answer.text
    assert "Traceback" not in answer.text


async def test_every_answer_carries_the_security_headers() -> None:
    async with console() as client:
        for path in ("/healthz", "/nosuch", "/api/v1/brands", "/schema/openapi.json"):
            headers = (await client.get(path)).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["x-frame-options"] == "DENY"
            assert headers["content-security-policy"].startswith("default-src 'none'")
            assert "server" not in headers


async def test_a_foreign_host_name_gets_nothing_from_loopback_because_of_dns_rebinding() -> None:
    async with console() as client:
        for host in ("evil.example", "127.0.0.1.evil.example", "", "[::1"):
            answer = await client.get("/api/v1/mentions", headers={"host": host})
            assert answer.status_code in {400, 421}, host
        for host in ("localhost:1", "LOCALHOST", "127.0.0.1", "[::1]:80"):
            assert (await client.get("/api/v1/brands", headers={"host": host})).status_code == 200, host


async def test_with_a_token_everything_but_liveness_and_webhooks_asks_for_it() -> None:
    async with console(token="s3cret", host_is_loopback=False, inboxes={"in": ScriptedInbox()}) as client:
        for path in ("/readyz", "/metrics", "/api/v1/mentions", "/schema/openapi.json", "/nosuch"):
            refused = await client.get(path)
            assert refused.status_code == 401, path
            assert refused.headers["www-authenticate"].startswith("Bearer")
        for wrong in ("s3cret", "Bearer", "Bearer wrong", "Basic s3cret", "Bearer s3cret2", "Bearer s3cre\u00e9"):
            answer = await client.get("/api/v1/brands", headers=[(b"authorization", wrong.encode())])
            assert answer.status_code == 401, wrong
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.post("/webhooks/in")).status_code == 401
        right = {"authorization": "Bearer s3cret", "host": "tocsin.example.org"}
        assert (await client.get("/api/v1/brands", headers=right)).status_code == 200


def test_an_open_address_without_a_token_cannot_even_be_built() -> None:
    from console.gate import Gate

    with pytest.raises(ValueError, match="token"):
        Gate(None, token="", host_is_loopback=False)  # type: ignore[arg-type]  # never called


async def test_a_webhook_gets_the_raw_body_and_its_answer_goes_back() -> None:
    inbox = ScriptedInbox()
    async with console(inboxes={"shop": inbox}) as client:
        body = b'{"id": "1",  "text": "caf\xc3\xa9"}\n'
        taken = await client.post("/webhooks/shop", content=body, headers={"x-signature": "right"})
        refused = await client.post("/webhooks/shop", content=body, headers={"host": "hooks.example.org"})
    assert (taken.status_code, taken.json(), taken.headers["retry-after"]) == (202, {"accepted": 1}, "1")
    assert (refused.status_code, refused.headers["content-type"]) == (401, "application/problem+json")
    assert inbox.bodies == [body]


async def test_a_webhook_nobody_configured_is_404() -> None:
    async with console() as client:
        answer = await client.post("/webhooks/nosuch", content=b"{}")
    assert (answer.status_code, answer.json()["status"]) == (404, 404)


async def test_a_webhook_body_over_the_limit_is_refused_announced_or_not() -> None:
    inbox = ScriptedInbox()

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield b"x" * 100_000

    async with console(inboxes={"shop": inbox}) as client:
        announced = await client.post("/webhooks/shop", content=b"x" * 1_000_001)
        streamed = await client.post("/webhooks/shop", content=chunks())
    assert announced.status_code == streamed.status_code == 413
    assert streamed.headers["content-type"] == "application/problem+json"
    assert inbox.bodies == []


async def test_a_body_that_dribbles_in_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.api.webhooks.SLOWEST_BODY", 0.1)
    async with console(inboxes={"shop": ScriptedInbox()}) as client:
        reader, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
        writer.write(b"POST /webhooks/shop HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nab")
        await writer.drain()
        assert b" 408 " in await reader.readline()
        writer.close()
        await writer.wait_closed()


async def test_openapi_describes_every_answer_that_is_given() -> None:
    async with console(inboxes={"shop": ScriptedInbox()}) as client:
        document: dict[str, Any] = (await client.get("/schema/openapi.json")).json()
        for path, template, status in (
            ("/healthz", "/healthz", "200"),
            ("/readyz", "/readyz", "200"),
            ("/api/v1/mentions?limit=2", "/api/v1/mentions", "200"),
            ("/api/v1/mentions?limit=0", "/api/v1/mentions", "400"),
            ("/api/v1/stats", "/api/v1/stats", "200"),
            ("/api/v1/brands", "/api/v1/brands", "200"),
            ("/api/v1/incidents", "/api/v1/incidents", "200"),
            (f"/api/v1/incidents/{incident().id}", "/api/v1/incidents/{incident_id}", "200"),
            ("/api/v1/incidents/nosuch", "/api/v1/incidents/{incident_id}", "404"),
        ):
            answer = await client.get(path)
            assert str(answer.status_code) == status, answer.text
            described = document["paths"][template]["get"]["responses"][status]["content"]
            media_type = answer.headers["content-type"].partition(";")[0]
            Draft202012Validator({**document, **described[media_type]["schema"]}).validate(answer.json())
    Draft202012Validator.check_schema(document["components"]["schemas"]["Mention"])
    assert document["openapi"].startswith("3.1")
    assert set(document["paths"]["/webhooks/{source}"]["post"]["responses"]) >= {"202", "401", "404", "413"}


async def test_the_server_stops_when_it_is_told_and_frees_its_port() -> None:
    async with console() as client:
        port = client.base_url.port
        assert port is not None
        await client.get("/healthz")
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_a_taken_port_is_a_sentence_with_the_remedy() -> None:
    async with console() as client:
        port = client.base_url.port
        assert port is not None
        with pytest.raises(CannotListen, match=rf"port {port}.*\[console\] port"):
            await serve(_never, host="127.0.0.1", port=port, stop=asyncio.Event())


async def test_a_host_that_does_not_exist_is_a_sentence_with_the_remedy() -> None:
    with pytest.raises(CannotListen, match=r"\[console\] host"):
        await serve(_never, host="no such host", port=0, stop=asyncio.Event())


async def _never(_scope: object, _receive: object, _send: object) -> None:
    raise AssertionError


async def test_times_are_read_against_the_given_clock() -> None:
    reader = ScriptedReader()
    async with console(reader=reader) as client:
        await client.get("/api/v1/mentions?since=now")
    assert reader.asked[0].since == NOW
