"""A source that hears nothing looks like peace: people are told of it as of any alert.

The incident bears the source's name where others bear a brand's, and its rule is called `sources`, so that a route
can lead it to whoever looks after the keys.
"""

from datetime import datetime

from domain.alert import Alert, Evidence, Reason
from domain.ids import stable_id
from tocsin.runtimes.pulse import Silence

RULE = "sources"
_HOUR = 3_600


def silent(source: str, silence: Silence, now: datetime) -> Alert:
    """Nothing comes, and that is stranger than chance. Once an hour it is another alert of the same incident."""
    hours = int((now - silence.since).total_seconds()) // _HOUR
    reason = Reason(code="source_silent", observed=hours, expected=silence.usually)
    return _alert(source, reason, now, silence.since.isoformat(), str(hours))


def stopped(source: str, why: str, now: datetime) -> Alert:
    """The source was stopped, and a person must act."""
    reason = Reason(code="source_stopped", observed=1, numbers={"said": why})
    return _alert(source, reason, now, now.isoformat())


def _alert(source: str, reason: Reason, now: datetime, *which: str) -> Alert:
    return Alert(
        id=stable_id(RULE, source, reason.code, *which), brand=source, rule=RULE, kind=RULE, group=RULE,
        severity="major", at=now, reason=reason, evidence=Evidence(),
    )  # fmt: skip
