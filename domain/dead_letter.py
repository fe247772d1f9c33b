"""What could not be processed, kept with its reason and its raw bytes so that it can be replayed."""

from datetime import datetime

from msgspec import Struct

from domain.ids import stable_id


class DeadLetter(Struct, frozen=True, kw_only=True):
    """One refused record.

    `reason` is a short stable word for counting (`bad_json`, `no_text`, `too_large`, ...), `detail` the
    sentence for a person, `where` the place in the source (`posts.jsonl:7`). `raw` is cut to 64 KiB.
    """

    source: str
    stage: str
    reason: str
    detail: str
    where: str
    raw: bytes
    at: datetime

    @property
    def id(self) -> str:
        """The same record refused again for the same reason is the same dead letter."""
        return stable_id(self.source, self.stage, self.reason, self.where, self.raw.hex())


RAW_LIMIT = 65_536
"""Bytes of evidence kept with a dead letter."""
