"""The ways in which VK tells by itself: the Streaming API, the Callback API and Bots Long Poll."""

from collections.abc import Callable, Sequence
from datetime import datetime

from domain.brand import Brand
from ingest.http import PoliteClient
from ingest.source import Source
from ingest.vk.config import Config

__all__ = ["build_push"]


def build_push(
    config: Config, *, client: PoliteClient, clock: Callable[[], datetime], brands: Sequence[Brand] = ()
) -> Source:
    """Make the source of `via` stream, callback or longpoll; the stream is told the brands' words."""
    if config.via == "stream":
        from ingest.vk.push.stream import StreamSource

        return StreamSource(config, client=client, clock=clock, brands=brands)
    if config.via == "callback":
        from ingest.vk.push.callback import CallbackSource

        return CallbackSource(config, client=client, clock=clock)
    from ingest.vk.push.longpoll import LongPollSource

    return LongPollSource(config, client=client, clock=clock)
