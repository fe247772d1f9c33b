"""What every store says of a mention that is gone and of a notification that was refused."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec.structs import replace

from domain.dead_letter import RAW_LIMIT, DeadLetter
from domain.incident import Notification
from domain.mention import Mention
from domain.post import Record


def edit_times(records: Sequence[Record]) -> dict[str, datetime]:
    """Return when each post of a batch was changed, as far as it is known, by post id."""
    return {
        record.post.id: record.post.edited_at or record.post.observed_at or record.post.collected_at
        for record in records
    }


def marked_deleted(mention: Mention, at: datetime | None) -> Mention:
    """Return a mention marked deleted, at its own collection time when nobody knows better."""
    return replace(mention, deleted_at=at or mention.post.collected_at)


def refusal(notification: Notification, *, at: datetime, error: str) -> DeadLetter:
    """Return the dead letter of a notification that its receiver will never take."""
    return DeadLetter(
        source=notification.receiver,
        stage="notify",
        reason="refused",
        detail=error,
        where=notification.id,
        raw=msgspec.json.encode(notification)[:RAW_LIMIT],
        at=at,
    )
