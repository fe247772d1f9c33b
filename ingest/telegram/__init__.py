"""Telegram: chats that a bot is in (asked or pushed), and public channels and groups read by a person's account."""

from collections.abc import Callable
from datetime import datetime

from ingest.http import PoliteClient
from ingest.source import Source
from ingest.telegram.bot import BotSource
from ingest.telegram.config import Config
from ingest.telegram.push import PushedSource

__all__ = ["Config", "build"]


def build(config: Config, *, client: PoliteClient, clock: Callable[[], datetime]) -> Source:
    """Make the source that listens in the configured way."""
    if config.via == "webhook":
        return PushedSource(config, client=client, clock=clock)
    return BotSource(config, client=client, clock=clock)
