"""Telegram: chats that a bot is in (asked or pushed), and public channels and groups read by a person's account."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from ingest.http import PoliteClient
from ingest.source import Source
from ingest.telegram.bot import BotSource
from ingest.telegram.channels import ChannelsSource
from ingest.telegram.config import Config
from ingest.telegram.mtproto import open_connection
from ingest.telegram.push import PushedSource

__all__ = ["Config", "build"]


def build(config: Config, *, client: PoliteClient, clock: Callable[[], datetime]) -> Source:
    """Make the source that listens in the configured way."""
    if config.via == "mtproto":
        return ChannelsSource(config, open_connection=partial(open_connection, config), clock=clock)
    if config.via == "webhook":
        return PushedSource(config, client=client, clock=clock)
    return BotSource(config, client=client, clock=clock)
