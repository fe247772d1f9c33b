"""VK's own error codes as orders: what may be asked again and when, what is to be dropped, what stops the source."""

from domain.errors import RetryLater, SourceError, SourceMisconfigured, SourceStopped

FLOOD_FIRST, FLOOD_LONGEST = 60.0, 3_600.0
"""Seconds for which a call is not repeated after error 9; doubled each time."""
SLOWER_AFTER = 1.0
"""Seconds to wait after error 6."""

_CLOSED = frozenset({7, 15, 18, 19, 30, 203, 212})
_NO_SUCH = frozenset({100, 113, 125})
_WRONG_SETTINGS = frozenset({3, 8})
_WRONG_KIND = "this kind of token may not ask that: take a service or a user token"
_STOPS = {
    5: "the token was revoked or has run out: make a new one and set `token`",
    14: "it wants a captcha, which no machine may solve: use VK by hand as this token's owner, or take another token",
    17: "it wants the token's owner to prove who they are: sign in to VK in a browser, then start the source again",
    27: _WRONG_KIND,
    28: _WRONG_KIND,
}


class Closed(SourceStopped):
    """This object is not for us (deleted, blocked, private): drop it and keep the source.

    `known` is whether the code is one that VK documents for that; another one may heal by itself.
    """

    def __init__(self, message: str, *, code: int, known: bool = True) -> None:
        super().__init__(message)
        self.code, self.known = code, known


class NoSuch(SourceMisconfigured):
    """VK knows no such community, post or setting."""

    def __init__(self, message: str, *, code: int) -> None:
        super().__init__(message)
        self.code = code


class Slower(RetryLater):
    """Too many calls a second."""


class Flooded(RetryLater):
    """Too many identical calls: this one is not to be repeated for a while, others may go on."""


class QuotaReached(RetryLater):
    """A method's quota is used up: that method is not to be called before the next day, others may go on."""


class TimedOut(RetryLater):
    """VK's own method took too long: ask for less at a time."""


class CodeFailed(RetryLater):
    """The calls of one `execute` were too much together: ask for fewer at a time."""


_RETRIES: dict[int, tuple[type[RetryLater], str, float | None]] = {
    1: (RetryLater, "it fails for now", None),
    6: (Slower, "we asked too often and go slower", SLOWER_AFTER),
    9: (Flooded, "the same call is not repeated for a while", FLOOD_FIRST),
    10: (RetryLater, "it fails for now", None),
    12: (CodeFailed, "the calls were too much together", None),
    13: (CodeFailed, "the calls were too much together", None),
    29: (QuotaReached, "nothing is left of this method today", None),
    36: (TimedOut, "it took too long", None),
}


def order(code: int, said: str, method: str) -> SourceError:
    """The error of a failed call; `said` is VK's own sentence, freed of secrets."""
    told = f"{method}: VK says {code}{f' ({said})' if said else ''}"
    if code in _RETRIES:
        kind, sentence, after = _RETRIES[code]
        return kind(f"{told}: {sentence}", after=after)
    if code in _STOPS:
        return SourceStopped(f"{told}: {_STOPS[code]}")
    if code in _NO_SUCH:
        return NoSuch(f"{told}: there is no such community, person or post; check the settings", code=code)
    if code in _WRONG_SETTINGS:
        return SourceMisconfigured(f"{told}: check `api` and `version`")
    return Closed(f"{told}: it is not for us to read", code=code, known=code in _CLOSED)
