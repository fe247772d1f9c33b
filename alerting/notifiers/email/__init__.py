"""E-mail over SMTP: text and HTML, one thread per incident."""

from alerting.notifiers.email.config import Config
from alerting.notifiers.email.notifier import Email, build

__all__ = ["Config", "Email", "build"]
