"""Slack: a bot token posts to a channel and keeps an incident in one thread; an incoming webhook only posts.

Give `token` and `channel` (a bot with the right chat:write, invited to the channel), or `webhook_url`.
"""

from alerting.notifiers.slack.config import Config
from alerting.notifiers.slack.notifier import Slack, build

__all__ = ["Config", "Slack", "build"]
