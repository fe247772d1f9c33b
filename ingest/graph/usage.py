"""How much of its allowance an app has used, as every answer of the Graph API says in its headers."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct

_REGAIN = "estimated_time_to_regain_access"
_MINUTE = 60.0


class Usage(Struct, frozen=True):
    """`percent` of the allowance that is used most, and seconds until access is regained (0: it was not lost)."""

    percent: float = 0.0
    regain: float = 0.0


def usage(headers: Mapping[str, str]) -> Usage:
    """Read `x-app-usage` and `x-business-use-case-usage`; what cannot be read counts as nothing."""
    shares = list(_shares(headers))
    percents = [
        float(told) for share in shares for name, told in share.items() if _is_number(told) and name != _REGAIN
    ]
    minutes = [float(share[_REGAIN]) for share in shares if _is_number(share.get(_REGAIN))]
    return Usage(max([0.0, *percents]), max([0.0, *minutes]) * _MINUTE)


def _shares(headers: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    by_app = _read(headers.get("x-app-usage", ""))
    if isinstance(by_app, dict):
        yield by_app
    by_business = _read(headers.get("x-business-use-case-usage", ""))
    for uses in by_business.values() if isinstance(by_business, dict) else ():
        yield from (use for use in uses if isinstance(use, dict)) if isinstance(uses, list) else ()


def _read(told: str) -> Any:
    try:
        return msgspec.json.decode(told) if told else None
    except (msgspec.DecodeError, RecursionError):
        return None


def _is_number(told: object) -> bool:
    return isinstance(told, int | float) and not isinstance(told, bool)
