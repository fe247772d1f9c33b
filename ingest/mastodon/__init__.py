"""Mastodon and what speaks its API: hashtags and public timelines of one instance."""

from ingest.mastodon.config import Config
from ingest.mastodon.source import MastodonSource, build

__all__ = ["Config", "MastodonSource", "build"]
