"""X's own words for what is wrong, as orders: in an answer, and in the stream before it hangs up."""

from typing import Any

from msgspec import Struct

from domain.errors import RetryLater, SourceError, SourceMisconfigured, SourceStopped
from ingest.lenient import UNREADABLE, decode

BAD_REQUEST, UNAUTHORISED, PAYMENT, FORBIDDEN, NOT_FOUND, CONFLICT, BUSY = 400, 401, 402, 403, 404, 409, 429
REFUSALS = (BAD_REQUEST, UNAUTHORISED, PAYMENT, FORBIDDEN, NOT_FOUND, CONFLICT, BUSY)
"""Statuses that X explains in its own words."""
SERVER_ERROR = 500

_LONGEST = 200


class OutOfReach(RetryLater):
    """What was asked for begins before the seven days that recent search knows."""


class LostPage(RetryLater):
    """The place to go on from is not known any more: the stretch is to be read from its newest again."""


class Crowded(RetryLater):
    """Another program holds the one connection that the app is allowed."""


class Failing(RetryLater):
    """The stream does not open for now (5xx)."""


class Problem(Struct, frozen=True, kw_only=True):
    """One of X's errors. Fields that are absent are empty; `parameters` names what was wrong in a request."""

    title: str = ""
    detail: str = ""
    message: str = ""
    type: str = ""
    reason: str = ""
    value: Any = ""
    resource_id: Any = ""
    parameters: dict[str, Any] = {}
    connection_issue: str = ""
    disconnect_type: str = ""
    details: list[str] = []

    @property
    def slug(self) -> str:
        """What kind of problem, as the last word of its address: `usage-capped`, `resource-not-found`."""
        return self.type.rstrip("/").rpartition("/")[2].lower()

    @property
    def words(self) -> str:
        """X's sentence, shortened."""
        said = "; ".join(words for words in (self.title, self.message or self.detail, *self.details) if words)
        return f"{said[:_LONGEST]}..." if len(said) > _LONGEST else said or "no reason given"


class _Whole(Problem, frozen=True, kw_only=True):
    errors: list[Problem] = []


def problems(body: bytes) -> list[Problem]:
    """The errors that an answer or a line of the stream tells of, the more telling first; [] where it tells none."""
    try:
        whole = decode(body, _Whole)
    except UNREADABLE:
        return []
    itself = [whole] if whole.title or whole.type else []
    return [*whole.errors, *itself]


def refusal(status: int, body: bytes, *, after: float | None) -> SourceError:
    """What to do about an answer with one of REFUSALS; `after` is how many seconds its headers ask for."""
    told = problems(body)
    why = told[0].words if told else f"status {status}"
    orders: dict[int, SourceError] = {
        BAD_REQUEST: _bad_request(told, why),
        UNAUTHORISED: SourceStopped(
            f"X does not accept the bearer token ({why}): make a new one in its console and set `token`"
        ),
        FORBIDDEN: SourceStopped(
            f"X does not let this app do that ({why}): see the app's project and access in X's console"
        ),
        CONFLICT: RetryLater(f"X is still changing its rules ({why})"),
        BUSY: _crowded(told, why) or RetryLater(f"X asks us to come back later ({why})", after=after),
    }
    return _unpaid(told, why, status=status) or orders.get(status) or _misunderstood(why)


def notice(told: list[Problem]) -> SourceError:
    """What to do when the stream says why it hangs up."""
    why, slugs = told[0].words, {one.slug for one in told}
    if slugs & {"client-forbidden", "client-not-enrolled"}:
        return SourceStopped(f"X ended the stream ({why}): see the app's project and access in X's console")
    return _unpaid(told, why) or _crowded(told, why) or RetryLater(f"X ended the stream ({why})")


def _bad_request(told: list[Problem], why: str) -> SourceError:
    parameters = {name for one in told for name in one.parameters}
    if parameters & {"next_token", "pagination_token"}:
        return LostPage(f"X does not know the next page any more ({why})")
    if parameters & {"since_id", "start_time"}:
        return OutOfReach(f"X does not search that far back ({why})")
    return _misunderstood(why)


def _misunderstood(why: str) -> SourceError:
    return SourceMisconfigured(f"X does not understand the request ({why}): check `queries`, `filter` and `names`")


def _crowded(told: list[Problem], why: str) -> SourceError | None:
    if not any(one.connection_issue for one in told):
        return None
    return Crowded(f"the stream is taken: another program uses the app's one connection ({why})")


def _unpaid(told: list[Problem], why: str, *, status: int = 0) -> SourceError | None:
    if status == PAYMENT or any("credit" in f"{one.slug} {one.title}".lower() for one in told):
        return SourceStopped(f"X's credits are used up ({why}): top up in its console, then start again")
    if any(one.slug == "usage-capped" for one in told):
        return SourceStopped(f"X's own cap on posts is reached ({why}): raise it in X's console, or wait for its end")
    return None
