"""Facebook pages: posts, comments, recommendations and messages, asked for or brought."""

from collections.abc import Callable
from datetime import datetime

from ingest.facebook.config import Config
from ingest.facebook.pages import pages_source
from ingest.facebook.pushed import webhook_source
from ingest.http import PoliteClient
from ingest.source import Source

__all__ = ["Config", "build"]


def build(config: Config, *, client: PoliteClient, clock: Callable[[], datetime]) -> Source:
    """Make the source that listens to pages in the configured way."""
    make = webhook_source if config.via == "webhook" else pages_source
    return make(config, client=client, clock=clock)
