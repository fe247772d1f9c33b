"""How Google's programming interfaces say what went wrong."""

import msgspec
from msgspec import Struct

ERRORS = (400, 401, 403, 404, 429)
"""Statuses whose reason is read from the body."""


class _Reason(Struct):
    reason: str = ""


class _Detail(Struct):
    reason: str = ""


class _Error(Struct):
    message: str = ""
    status: str = ""
    errors: list[_Reason] = []
    details: list[_Detail] = []


class _Answer(Struct):
    error: _Error


def reasons(body: bytes) -> frozenset[str]:
    """Return Google's words for what is wrong (`quotaExceeded`, `PERMISSION_DENIED`); none for another body."""
    try:
        error = msgspec.json.decode(body, type=_Answer).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return frozenset()
    said = [error.status, *(one.reason for one in error.errors), *(one.reason for one in error.details)]
    return frozenset(word for word in said if word.isidentifier())
