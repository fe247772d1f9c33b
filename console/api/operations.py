"""GET /healthz, /readyz and /metrics."""

from collections.abc import Callable
from http import HTTPStatus

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from msgspec import Struct

from console.ports import Readiness

PROMETHEUS = "text/plain; version=0.0.4"
"""The format's own media type; the framework adds the charset."""


class Alive(Struct, frozen=True, kw_only=True):
    """The process lives; whether it works is /readyz's matter. Otherwise the status says what is dead."""

    status: str = "ok"


def lives() -> str:
    """A process without parts that could die alone."""
    return ""


def handlers(
    health: Callable[[], Readiness], metrics: Callable[[], bytes], dead: Callable[[], str] = lives
) -> list[HTTPRouteHandler]:
    """Routes for those who keep Tocsin running. `dead` says which part has died, if any: time to start it again."""

    @get(
        "/healthz",
        sync_to_thread=False,
        summary="The process lives",
        operation_id="healthz",
        responses={503: ResponseSpec(Alive, description="A part has died; start the process again.")},
    )
    def healthz() -> Response[Alive]:
        sentence = dead()
        status = HTTPStatus.SERVICE_UNAVAILABLE if sentence else HTTPStatus.OK
        return Response(Alive(status=sentence or "ok"), status_code=status)

    @get(
        "/readyz",
        sync_to_thread=False,
        summary="Whether sources, store and model do their work",
        operation_id="readyz",
        responses={503: ResponseSpec(Readiness, description="Not ready; `problems` say why.")},
    )
    def readyz() -> Response[Readiness]:
        state = health()
        return Response(state, status_code=HTTPStatus.SERVICE_UNAVAILABLE if state.problems else HTTPStatus.OK)

    @get(
        "/metrics",
        sync_to_thread=True,
        media_type=PROMETHEUS,
        summary="Metrics in Prometheus' text format",
        operation_id="metrics",
    )
    def scrape() -> bytes:
        return metrics()

    return [healthz, readyz, scrape]
