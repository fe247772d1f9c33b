"""Errors are orders to the runtime.

TocsinError
├── ConfigError            stop before starting; the sentence names the key and the remedy
├── QueryError             a brand query cannot be read: position and remedy
├── Refused                one record cannot be processed: dead-letter it with `reason`
├── SourceError            about one source
│   ├── RetryLater         transient: wait `after` seconds (or back off) and repeat the same call
│   ├── SourceStopped      credentials or rights: stop this source, tell the operator, keep the rest
│   └── SourceMisconfigured  the source's own settings are wrong: stop it, say which key
├── DeliveryError          about one notification
│   ├── DeliveryRetry      transient: wait `after` seconds (or back off) and repeat
│   └── DeliveryRefused    permanent: give up on this notification, keep it as a dead letter
├── StoreError             about the database
│   ├── StoreBusy          another process owns it
│   └── StoreUnavailable   disk full or broken: hold the line, nothing is lost
├── BrokerUnavailable      Kafka does not take or give records: hold the line, try again
└── ModelError             the model is missing or broken: stop with the command that builds it
"""


class TocsinError(Exception):
    """Root of all errors Tocsin raises on purpose; its text is a sentence for a person."""


class ConfigError(TocsinError):
    """The configuration is wrong. `problems` lists every mistake as `path: sentence`."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class QueryError(TocsinError):
    """A query cannot be read. `position` counts characters from 0; `remedy` says what to write instead."""

    def __init__(self, message: str, *, position: int, remedy: str) -> None:
        super().__init__(f"{message} at character {position + 1}: {remedy}")
        self.message, self.position, self.remedy = message, position, remedy


class Refused(TocsinError):
    """One record cannot be processed. `reason` is a short stable word for counting, `detail` the sentence."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


class SourceError(TocsinError):
    """Something about one source."""


class RetryLater(SourceError):
    """Transient. `after` is the provider's own number of seconds, or None for the runtime's back-off."""

    def __init__(self, message: str, *, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class SourceStopped(SourceError):
    """Credentials or rights are refused; retrying cannot help until a person acts."""


class SourceMisconfigured(SourceError):
    """The source's settings cannot work."""


class DeliveryError(TocsinError):
    """Something about one notification."""


class DeliveryRetry(DeliveryError):
    """Transient. `after` is the receiver's own number of seconds, or None for back-off."""

    def __init__(self, message: str, *, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class DeliveryRefused(DeliveryError):
    """The receiver will never take this message as it is."""


class StoreError(TocsinError):
    """Something about the database."""


class StoreBusy(StoreError):
    """Another process works on this database."""


class StoreUnavailable(StoreError):
    """The database cannot take a write now (disk full, read-only, broken)."""


class BrokerUnavailable(TocsinError):
    """Kafka does not take or give records now (away, refusing, a topic missing)."""


class ModelError(TocsinError):
    """The model's files are missing or not what they should be."""
