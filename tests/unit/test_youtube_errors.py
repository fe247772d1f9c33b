"""Every refusal of YouTube is the right order."""

from typing import Any

import pytest

from domain.errors import RetryLater, SourceError, SourceMisconfigured, SourceStopped
from ingest.passes import StaleToken
from ingest.youtube.api import Dropped, NotThere, YouTube
from ingest.youtube.config import Config
from tests.kit.ingest import NOON, SECRET, Clock, polite_client
from tests.kit.scripted_http import ScriptedServer, Told
from tests.networks.youtube import error

DAY = 86_400
TO_MIDNIGHT = 20 * 3_600

ORDERS: list[tuple[Told, type[Exception], float | None]] = [
    (error(403, "quotaExceeded"), RetryLater, TO_MIDNIGHT),
    (error(403, "dailyLimitExceeded"), RetryLater, TO_MIDNIGHT),
    (error(429, "quotaExceeded"), RetryLater, TO_MIDNIGHT),
    (error(403, "rateLimitExceeded"), RetryLater, None),
    (error(403, "userRateLimitExceeded", **{"retry-after": "9"}), RetryLater, 9),
    (error(429, "rateLimitExceeded", **{"retry-after": "7"}), RetryLater, 7),
    (Told(429, b"slow down"), RetryLater, None),
    (error(400, "processingFailure"), RetryLater, None),
    (error(500, "backendError"), RetryLater, None),
    (error(503, "backendError", **{"retry-after": "5"}), RetryLater, 5),
    (Told(200, b"<html>"), RetryLater, None),
    (error(400, "keyInvalid"), SourceStopped, None),
    (error(400, "badRequest", "API_KEY_INVALID"), SourceStopped, None),
    (error(403, "accessNotConfigured"), SourceStopped, None),
    (error(403, "forbidden", "API_KEY_IP_ADDRESS_BLOCKED"), SourceStopped, None),
    (error(403, "forbidden"), SourceStopped, None),
    (error(401, "authError"), SourceStopped, None),
    (Told(403, b"no"), SourceStopped, None),
    (error(400, "invalidParameter"), SourceMisconfigured, None),
    (Told(404, b"nothing here"), SourceMisconfigured, None),
    (error(403, "commentsDisabled"), Dropped, DAY),
    (error(404, "videoNotFound"), Dropped, 7 * DAY),
    (error(404, "channelNotFound"), Dropped, 7 * DAY),
    (error(403, "playlistItemsNotAccessible"), Dropped, 7 * DAY),
    (error(404, "commentNotFound"), NotThere, None),
    (error(404, "commentThreadNotFound"), NotThere, None),
    (error(400, "invalidPageToken"), StaleToken, None),
]


@pytest.mark.parametrize(("told", "order", "seconds"), ORDERS, ids=lambda value: str(value)[:90])
async def test_a_refusal_is_an_order(
    server: ScriptedServer, clock: Clock, told: Told, order: type[Exception], seconds: float | None
) -> None:
    server.override = told
    config = Config.model_validate({"kind": "youtube", "token": SECRET, "api": server.url})
    async with polite_client(clock) as client:
        tube = YouTube(config, client=client, clock=clock)
        with pytest.raises(order) as caught:
            await tube.threads(videoId="vidgate1")
    assert type(caught.value) is order
    found: Any = caught.value
    assert (found.after if isinstance(found, RetryLater) else getattr(found, "seconds", None)) == seconds
    assert SECRET not in str(found)
    if isinstance(found, SourceError):
        assert len(str(found)) > 20


async def test_a_refused_search_uses_up_searches_and_no_units(server: ScriptedServer, clock: Clock) -> None:
    server.override = error(403, "quotaExceeded")
    config = Config.model_validate({"kind": "youtube", "token": SECRET, "api": server.url})
    async with polite_client(clock) as client:
        tube = YouTube(config, client=client, clock=clock)
        with pytest.raises(RetryLater, match="YouTube searches"):
            await tube.search("aurora", after=NOON)
    assert (tube.searches_left(), tube.left()) == (0, 10_000)
