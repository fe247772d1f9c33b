"""The HTTP side of a process of the cluster: is it alive, is it ready, what are its figures, and webhooks in."""

import asyncio
from collections.abc import Callable, Mapping
from types import MappingProxyType

from console.app import build_operations
from console.ports import Inbox, Readiness
from console.server import serve
from tocsin.config.models import ConsoleConfig, is_loopback
from tocsin.metrics import Metrics


async def serve_operations(
    console: ConsoleConfig,
    *,
    metrics: Metrics,
    readiness: Callable[[], Readiness],
    stop: asyncio.Event,
    dead: Callable[[], str] = lambda: "",
    inboxes: Mapping[str, Inbox] = MappingProxyType({}),
    started: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve /healthz, /readyz, /metrics and webhooks until `stop`.

    `dead` gives a sentence once a part of the process has died, so that a supervisor starts it again; `started` gets
    the address. Raises CannotListen with the remedy.
    """
    token = console.token
    app = build_operations(
        health=readiness,
        metrics=metrics.render,
        dead=dead,
        inboxes=inboxes,
        token=token.get_secret_value() if token else "",
        host_is_loopback=is_loopback(console.host),
    )
    await serve(app, host=console.host, port=console.port, stop=stop, started=started)
