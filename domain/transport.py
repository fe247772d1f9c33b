"""HTTP as the domain sees it: a request goes out, a reply comes back. One module wraps the real client."""

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct


class Reply(Struct, frozen=True, kw_only=True):
    """A whole, size-limited answer. Header names are lower case; `url` is the one finally answered."""

    status: int
    headers: dict[str, str]
    body: bytes
    url: str


class Transport(Protocol):
    """Sends one request. Never raises for a status; raises RetryLater when no answer came."""

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        timeout: float = 20.0,  # noqa: ASYNC109  # a limit on the exchange, passed to the client
        max_bytes: int = 10_000_000,
    ) -> Reply:
        """Send, follow no redirect, read at most `max_bytes`."""
        ...
