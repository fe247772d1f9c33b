"""A recorded stream, played again at any speed."""

from ingest.replay.config import Config
from ingest.replay.source import ReplaySource, build

__all__ = ["Config", "ReplaySource", "build"]
