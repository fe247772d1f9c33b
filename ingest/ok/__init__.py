"""Odnoklassniki (OK.ru): topics and comments of groups, and messages to one of them. There is no search by words."""

from collections.abc import Callable
from datetime import datetime

from ingest.http import PoliteClient
from ingest.ok.config import Config
from ingest.ok.groups import OkGroups
from ingest.ok.messages import OkMessages
from ingest.source import Source

__all__ = ["Config", "OkGroups", "OkMessages", "build"]


def build(config: Config, *, client: PoliteClient, clock: Callable[[], datetime]) -> Source:
    """Make the source of the configured way."""
    if config.via == "messages":
        return OkMessages(config, clock=clock)
    return OkGroups(config, client=client, clock=clock)
