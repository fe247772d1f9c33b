"""The HTTP application: probes, metrics, the API and webhooks, behind one gate."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from litestar import Litestar
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin

from console.api import acts, explanation, incidents, mentions, operations, webhooks
from console.api.ask import Clock
from console.gate import Asgi, Gate
from console.ports import Desk, Explain, Inbox, Readiness
from console.problem import on_error
from domain.brand import Brand

API_VERSION = "1"


def build_app(
    *,
    store: Desk,
    brands: Sequence[Brand],
    health: Callable[[], Readiness],
    metrics: Callable[[], bytes],
    inboxes: Mapping[str, Inbox],
    clock: Clock,
    token: str = "",
    host_is_loopback: bool = True,
    explain: Explain | None = None,
) -> Asgi:
    """Put the routes together; `store` is asked from worker threads, everything else from the event loop.

    `explain` is called in a thread, one mention at a time; without it explanations are answered with 503.

    Raises ValueError for an address that others can reach without a token.
    """
    routes = [
        *operations.handlers(health, metrics),
        *mentions.handlers(store, brands, clock),
        *incidents.handlers(store),
        *acts.handlers(store, clock),
        *explanation.handlers(store, explain),
        *webhooks.handlers(inboxes),
    ]
    return Gate(_application(routes), token=token, host_is_loopback=host_is_loopback)


def build_operations(
    *,
    health: Callable[[], Readiness],
    metrics: Callable[[], bytes],
    dead: Callable[[], str] = operations.lives,
    inboxes: Mapping[str, Inbox] = MappingProxyType({}),
    token: str = "",
    host_is_loopback: bool = True,
) -> Asgi:
    """Only probes, metrics and webhooks: for a process that holds no store. `dead` says which part has died.

    Raises ValueError as `build_app` does.
    """
    routes = [*operations.handlers(health, metrics, dead), *webhooks.handlers(inboxes)]
    return Gate(_application(routes), token=token, host_is_loopback=host_is_loopback)


def _application(routes: Sequence[HTTPRouteHandler]) -> Litestar:
    return Litestar(
        route_handlers=routes,
        exception_handlers={HTTPException: on_error, Exception: on_error},
        openapi_config=OpenAPIConfig(
            title="Tocsin",
            version=API_VERSION,
            description="Mentions, incidents and the state of a running Tocsin.",
            render_plugins=[JsonRenderPlugin()],
            path="/schema",
        ),
        logging_config=None,
        debug=False,
    )
