"""The terminal: a framed message where a person looks on, plain text where a file or a pipe does."""

from alerting.notifiers.console.config import Config
from alerting.notifiers.console.notifier import Console, build

__all__ = ["Config", "Console", "build"]
