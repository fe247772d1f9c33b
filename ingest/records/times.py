"""Times as people and machines write them, to aware UTC."""

import re
from datetime import UTC, datetime, tzinfo
from email.utils import parsedate_to_datetime

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
_DAY_DIGITS = 8
_SMALLEST_SECONDS = 10**8
_SECONDS_BELOW = 10**11
_MILLISECONDS_BELOW = 10**14
_MICROSECONDS_BELOW = 10**17


def read_time(value: object, zone: tzinfo) -> datetime:
    """Return the time in UTC; a time without zone is taken to be in `zone`.

    Accepts ISO 8601 (also "... UTC"), RFC 2822 (also the order Twitter uses), YYYYMMDD, and unix seconds,
    milliseconds, microseconds or nanoseconds told apart by magnitude, as numbers or as text. Raises ValueError for
    anything else, and for numbers too small to be a time since 1973, which are more likely a counter.
    """
    try:
        moment = _read(value, zone)
    except (OverflowError, OSError) as error:
        raise ValueError(f"{value!r} is beyond the calendar") from error
    return moment


def _read(value: object, zone: tzinfo) -> datetime:
    if isinstance(value, datetime):
        return _aware(value, zone)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"{value!r} is not a time")  # noqa: TRY004  # one error for callers: not a time
    if not isinstance(value, str):
        return _from_number(value)
    text = value.strip()
    if text.endswith((" UTC", " GMT", " Z")):
        text = f"{text.rpartition(' ')[0]}+00:00"
    if text[4:5] == "-":
        return _aware(datetime.fromisoformat(text), zone)
    if _NUMBER.fullmatch(text):
        if len(text) == _DAY_DIGITS and text[:2] in {"19", "20"}:
            return _aware(datetime.fromisoformat(text), zone)
        return _from_number(float(text) if "." in text else int(text))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = parsedate_to_datetime(text)
    return _aware(moment, zone)


def _aware(moment: datetime, zone: tzinfo) -> datetime:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return moment.astimezone(UTC)


def _from_number(number: float) -> datetime:
    if number != number or abs(number) < _SMALLEST_SECONDS:  # noqa: PLR0124  # only NaN differs from itself
        raise ValueError(f"{number!r} is too small a number for a time")
    for below, divisor in ((_SECONDS_BELOW, 1), (_MILLISECONDS_BELOW, 10**3), (_MICROSECONDS_BELOW, 10**6)):
        if abs(number) < below:
            return datetime.fromtimestamp(number / divisor, UTC)
    return datetime.fromtimestamp(number / 10**9, UTC)
