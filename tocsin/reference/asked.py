"""Asks the HTTP application for its own description, as a client would."""

import asyncio
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any, cast

import msgspec

from console.app import build_app
from console.ports import Desk, Readiness


def openapi() -> dict[str, Any]:
    """The OpenAPI document that `/schema/openapi.json` answers with."""
    document: dict[str, Any] = asyncio.run(_ask("/schema/openapi.json"))
    return document


async def _ask(path: str) -> Any:
    app = build_app(
        store=cast("Desk", None),  # nobody reads: the description is made of the routes alone
        brands=(),
        health=Readiness,
        metrics=bytes,
        inboxes={},
        clock=lambda: datetime.now(UTC),
    )
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 1),
    }
    answered: list[bytes] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        answered.append(message.get("body", b""))

    await app(scope, receive, send)
    return msgspec.json.decode(b"".join(answered))
