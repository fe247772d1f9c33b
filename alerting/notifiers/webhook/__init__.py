"""Any HTTP endpoint: the notification as JSON, signed by Standard Webhooks, the same `webhook-id` on every attempt.

The receiver checks `webhook-signature` over `webhook-id.webhook-timestamp.body` with the shared secret (libraries for
all languages: standardwebhooks.com) and answers 2xx. 408, 409, 423, 425, 429 and 5xx are tried again for a day.
"""

from alerting.notifiers.webhook.config import Config
from alerting.notifiers.webhook.notifier import Webhook, build

__all__ = ["Config", "Webhook", "build"]
