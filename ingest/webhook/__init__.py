"""Posts that others send us, signed."""

from ingest.webhook.config import Config
from ingest.webhook.source import WebhookSource, build

__all__ = ["Config", "WebhookSource", "build"]
