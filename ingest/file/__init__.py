"""Files of posts: CSV, JSON Lines and Parquet, also packed."""

from ingest.file.config import Config
from ingest.file.source import FileSource, build

__all__ = ["Config", "FileSource", "build"]
