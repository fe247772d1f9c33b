"""The events that folds consume. Time is one of them: nothing in a fold calls a clock."""

from datetime import datetime

from msgspec import Struct

from domain.act import AnyAct
from domain.alert import Alert, NearMiss
from domain.incident import Incident, Notification
from domain.mention import Change, Mention


class MentionEvent(Struct, frozen=True, kw_only=True):
    """A mention was heard, changed or deleted, or its post counted anew. Backfilled ones teach and wake nobody."""

    mention: Mention
    change: Change = "new"

    @property
    def brand(self) -> str:
        """The fold key."""
        return self.mention.brand

    @property
    def at(self) -> datetime:
        """Event time."""
        return self.mention.event_at


class Tick(Struct, frozen=True, kw_only=True):
    """Time passed for a brand. `drain` says that no more events will come: give out what waits."""

    brand: str
    at: datetime
    drain: bool = False


class ActEvent(Struct, frozen=True, kw_only=True):
    """A person acted."""

    act: AnyAct

    @property
    def brand(self) -> str:
        """The fold key."""
        return self.act.brand

    @property
    def at(self) -> datetime:
        """When."""
        return self.act.at


Event = MentionEvent | Tick | ActEvent | Alert
"""What a fold may be given. Alerts come from rules and go to incidents."""

Output = MentionEvent | Alert | NearMiss | Incident | Notification
"""What a fold may say. The runtime stores each by its type; MentionEvents and Alerts go on to later folds."""
