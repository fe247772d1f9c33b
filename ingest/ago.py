"""Spans of time as `check` tells them."""

from datetime import datetime

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


def ago(then: datetime, now: datetime) -> str:
    """Say how long ago: `40 s ago`, `12 min ago`, `3 h ago`, `5 days ago`; `just now` for the future."""
    seconds = (now - then).total_seconds()
    if seconds <= 0:
        return "just now"
    if seconds < _MINUTE * 2:
        return f"{seconds:.0f} s ago"
    if seconds < _HOUR * 2:
        return f"{seconds / _MINUTE:.0f} min ago"
    return f"{seconds / _HOUR:.0f} h ago" if seconds < _DAY * 2 else f"{seconds / _DAY:.0f} days ago"
