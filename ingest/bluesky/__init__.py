"""Bluesky by Jetstream: every public post of the network, matched here."""

from ingest.bluesky.config import Config
from ingest.bluesky.source import BlueskySource, build

__all__ = ["BlueskySource", "Config", "build"]
