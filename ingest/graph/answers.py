"""Answers of the Graph API: its own error codes as orders, and JSON read without trust.

A code says more than the status, which is 400 for almost everything. Its sentence is never repeated: it can hold the
token.
"""

from collections.abc import Mapping
from typing import TypeVar

import msgspec
from msgspec import Struct

from domain.errors import RetryLater, SourceError, SourceMisconfigured, SourceStopped
from ingest import lenient
from ingest.graph.usage import usage

T = TypeVar("T", bound=Struct)

_REFUSED = 400
_THROTTLED = frozenset({4, 17, 32, 613, *range(80_000, 80_015)})
_RIGHTS = frozenset({10, *range(200, 300)})
_TOKEN = 190
_ENDED = {
    460: "the password was changed, so every token of that person ended",
    463: "the token has expired",
    467: "the token was withdrawn",
}


class ObjectGone(SourceMisconfigured):
    """The Graph has no such object, or none that this token may see (100)."""


class NotAllowed(SourceStopped):
    """The token lacks a right for this (10, 200 to 299)."""


class TagUnknown(SourceMisconfigured):
    """Instagram knows no such hashtag (24)."""


class TagsUsedUp(RetryLater):
    """Instagram allows no further hashtag for now (18)."""


_ORDERS: dict[int | str, tuple[type[SourceError], str]] = {
    1: (RetryLater, "the Graph API fails for now"),
    2: (RetryLater, "the Graph API fails for now"),
    18: (TagsUsedUp, "Instagram allows no further hashtag within these seven days"),
    24: (TagUnknown, "Instagram knows no such hashtag"),
    100: (ObjectGone, "the Graph API has no such object for this token"),
    368: (SourceStopped, "Meta has blocked this app or account for its policies; see the App Dashboard"),
    "rights": (NotAllowed, "the token lacks a right for what we ask; grant it in the App Dashboard"),
    "unknown": (RetryLater, "the Graph API gives an error that we do not know"),
}


class _Error(Struct):
    code: int = 0
    error_subcode: int = 0
    is_transient: bool = False


class _Refusal(Struct):
    error: _Error


def judge(status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Raise the order that an answer is, if it is an error."""
    if status < _REFUSED:
        return
    try:
        told = msgspec.json.decode(body, type=_Refusal).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RetryLater(f"the Graph API fails for now ({status})") from None
    raise _order(told, headers)


def _order(told: _Error, headers: Mapping[str, str]) -> SourceError:
    code = told.code
    named = f"(code {code})" if not told.error_subcode else f"(code {code}, subcode {told.error_subcode})"
    if code in _THROTTLED:
        return RetryLater(
            f"the Graph API has heard enough from us for now {named}", after=usage(headers).regain or None
        )
    if told.is_transient:
        return RetryLater(f"the Graph API fails for now {named}")
    if code == _TOKEN:
        why = _ENDED.get(told.error_subcode, "the token is not valid")
        return SourceStopped(f"the Graph API refuses the token: {why} {named}; make a new one and put it in place")
    kind, sentence = _ORDERS["rights" if code in _RIGHTS else code if code in _ORDERS else "unknown"]
    return kind(f"{sentence} {named}")


def read_json(body: bytes, kind: type[T]) -> T:
    """Read an answer; raises RetryLater for one that is not in the API's format: asking again loses nothing."""
    try:
        return decode(body, kind)
    except ValueError:
        raise RetryLater("the Graph API answers something that is not its own format") from None


def decode(body: bytes, kind: type[T]) -> T:
    """Read JSON, half characters (lone surrogates) and all; raises ValueError."""
    try:
        return lenient.decode(body, kind)
    except lenient.UNREADABLE as error:
        raise ValueError(str(error) or type(error).__name__) from None
