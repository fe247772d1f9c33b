"""Every error of X has its order."""

import json
from typing import Any

import pytest

from domain.errors import RetryLater, SourceError, SourceMisconfigured, SourceStopped
from ingest.x.problems import Crowded, LostPage, OutOfReach, notice, problems, refusal
from tests.kit.scripted_http import Told
from tests.networks.x import DISCONNECT, TOO_MANY, UNAUTHORISED, bad_parameter, problem

ORDERS: list[tuple[Told, type[SourceError], str]] = [
    (UNAUTHORISED, SourceStopped, "bearer token"),
    (Told(401), SourceStopped, "bearer token"),
    (problem(402, "credits", "CreditsDepleted", "Your account has no credits."), SourceStopped, "top up"),
    (problem(403, "credits-depleted", "CreditsDepleted"), SourceStopped, "top up"),
    (problem(403, "client-forbidden", "Client Forbidden", reason="client-not-enrolled"), SourceStopped, "project"),
    (problem(403, "unsupported-authentication", "Unsupported Authentication"), SourceStopped, "does not let"),
    (problem(429, "usage-capped", "UsageCapExceeded", "Monthly product cap"), SourceStopped, "cap on posts"),
    (TOO_MANY, Crowded, "another program"),
    (Told(429, b'{"title": "Too Many Requests", "type": "about:blank"}'), RetryLater, "come back later"),
    (Told(429, b"slow down"), RetryLater, "come back later"),
    (problem(409, "rule-conflict", "Conflict"), RetryLater, "changing its rules"),
    (bad_parameter("since_id", "1", "must be younger"), OutOfReach, "that far back"),
    (bad_parameter("start_time", "1", "must be younger"), OutOfReach, "that far back"),
    (bad_parameter("next_token", "b", "is not valid"), LostPage, "next page"),
    (bad_parameter("query", "((", "no viable alternative"), SourceMisconfigured, "no viable alternative"),
    (Told(400, b"<html>"), SourceMisconfigured, "status 400"),
    (problem(404, "resource-not-found", "Not Found Error"), SourceMisconfigured, "Not Found"),
]


@pytest.mark.parametrize(("told", "order", "words"), ORDERS, ids=lambda one: getattr(one, "status", ""))
def test_a_refusal_is_an_order(told: Told, order: type[SourceError], words: str) -> None:
    error = refusal(told.status, told.body, after=7)
    assert type(error) is order
    assert words in str(error)


def test_the_number_of_the_headers_is_obeyed() -> None:
    error = refusal(429, b"{}", after=7)
    assert isinstance(error, RetryLater)
    assert error.after == 7


NOTICES: list[tuple[dict[str, Any], type[SourceError]]] = [
    (DISCONNECT, RetryLater),
    ({"title": "operational-disconnect", "disconnect_type": "OperationalDisconnect", "type": "t/x"}, RetryLater),
    ({"errors": [{"title": "ForceDisconnect", "detail": "by an operator"}]}, RetryLater),
    (json.loads(TOO_MANY.body), Crowded),
    ({"errors": [json.loads(TOO_MANY.body)]}, Crowded),
    ({"errors": [{"title": "UsageCapExceeded", "type": "https://x/2/problems/usage-capped"}]}, SourceStopped),
    ({"errors": [{"title": "CreditsDepleted"}]}, SourceStopped),
    ({"errors": [{"title": "Forbidden", "type": "https://x/2/problems/client-forbidden"}]}, SourceStopped),
]


@pytest.mark.parametrize(("line", "order"), NOTICES)
def test_a_notice_in_the_stream_is_an_order(line: dict[str, Any], order: type[SourceError]) -> None:
    assert type(notice(problems(json.dumps(line).encode()))) is order


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b"{}", b'{"data": {"id": "1"}}', b'{"errors": 7}'])
def test_what_is_no_problem_tells_none(body: bytes) -> None:
    assert problems(body) == []


def test_a_long_sentence_is_shortened() -> None:
    assert len(str(refusal(400, problem(400, "x", "t" * 900).body, after=None))) < 400
