"""How long a provider asks us to wait, read from its headers."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_WAIT = 86_400.0
"""Seconds. A provider that asks for more is asked again after a day."""

_RESET_HEADERS = ("x-ratelimit-reset", "ratelimit-reset", "x-rate-limit-reset")
_REMAINING_HEADERS = ("x-ratelimit-remaining", "ratelimit-remaining", "x-rate-limit-remaining")
_FIRST_UNIX = 1e9
_FIRST_UNIX_MS = 1e11


def asked_wait(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds from `now` that the headers (lower-case names) ask for, or None when they do not say."""
    moment = headers.get("retry-after") or next((headers[name] for name in _RESET_HEADERS if name in headers), None)
    return None if moment is None else _seconds_until(moment.strip(), now)


def used_up(headers: Mapping[str, str]) -> bool:
    """Whether this answer was the last one the provider allows until its reset."""
    return any(headers.get(name, "").strip().partition(".")[0] == "0" for name in _REMAINING_HEADERS)


def _seconds_until(moment: str, now: datetime) -> float | None:
    """A number of seconds, a unix time (seconds or milliseconds), an ISO time or an HTTP date."""
    try:
        number = float(moment)
    except ValueError:
        when = _date(moment)
        return None if when is None else _bounded((when - now).total_seconds())
    if number >= _FIRST_UNIX_MS:
        number /= 1000
    return _bounded(number - now.timestamp() if number >= _FIRST_UNIX else number)


def _date(moment: str) -> datetime | None:
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            when = read(moment)
        except (ValueError, TypeError):
            continue
        return when if when.tzinfo else when.replace(tzinfo=UTC)
    return None


def _bounded(seconds: float) -> float | None:
    if seconds != seconds:  # noqa: PLR0124  # NaN is the only number unlike itself
        return None
    return min(max(seconds, 0.0), LONGEST_WAIT)
