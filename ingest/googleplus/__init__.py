"""Google+, which closed in April 2019: the archive that Google Takeout gave, as history."""

from ingest.googleplus.config import Config
from ingest.googleplus.source import GooglePlusSource, build

__all__ = ["Config", "GooglePlusSource", "build"]
