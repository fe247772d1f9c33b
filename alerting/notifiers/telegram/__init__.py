"""Telegram: a bot writes to a chat, a group or a channel, updates as replies to an incident's first message."""

from alerting.notifiers.telegram.config import Config
from alerting.notifiers.telegram.notifier import Telegram, build

__all__ = ["Config", "Telegram", "build"]
