"""The kinds of receiver. A new kind is a folder beside this file and a line here."""

from domain.integration import Integration, registry

RECEIVERS = registry(
    Integration("console", "alerting.notifiers.console", "The terminal"),
    Integration("slack", "alerting.notifiers.slack", "Slack, by bot token or incoming webhook"),
    Integration("telegram", "alerting.notifiers.telegram", "Telegram, by bot"),
    Integration("webhook", "alerting.notifiers.webhook", "Any HTTP endpoint, signed"),
    Integration("email", "alerting.notifiers.email", "E-mail over SMTP"),
)
