"""VK's API as one credential asks it: a call or up to 25 of them in a request, each error turned into its order."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from domain.errors import RetryLater, SourceError
from domain.ids import stable_id
from ingest.addresses import site
from ingest.budget import Budget, Spent
from ingest.http import PoliteClient
from ingest.vk.orders import FLOOD_FIRST, FLOOD_LONGEST, Flooded, QuotaReached, Slower, order

API = "https://api.vk.ru"
VERSION = "5.199"
MOST_CALLS = 25
"""Calls that `execute` takes."""
RATE, GROUP_RATE = 3.0, 20.0
"""Requests a second that a service or user token may send, and those of a group token."""
ZONE = "Europe/Moscow"
"""Where VK's day ends."""

_TIMEOUT = 30.0
_SLOWER = (1.0, 0.6, 0.3)
_MARGIN = 1.02
_LONGEST_SENTENCE = 200

T = TypeVar("T")


class Call(Struct, frozen=True):
    """A method (`wall.get`) and its parameters."""

    method: str
    params: Mapping[str, str | int] = {}

    @property
    def key(self) -> str:
        """The same for the same call."""
        return stable_id(self.method, *(f"{name}={value}" for name, value in sorted(self.params.items())))


_EXECUTE = Call("execute")


class _Error(Struct):
    error_code: int = 0
    error_msg: str = ""
    method: str = ""


class _Answer(Struct):
    response: msgspec.Raw = msgspec.Raw(b"")
    error: _Error | None = None
    execute_errors: list[_Error] = []


class VkApi:
    """One token's view of VK. Everything raised is an order: see `ingest.vk.orders`.

    `daily` is how many calls of a method are made in a day at most; VK's own refusal (29) counts as all of them.
    """

    def __init__(
        self,
        client: PoliteClient,
        *,
        token: str,
        clock: Callable[[], datetime],
        api: str = API,
        version: str = VERSION,
        rate: float = RATE,
        daily: Mapping[str, int] | None = None,
    ) -> None:
        self._client, self._clock = client, clock
        self._token, self._api, self._version = token, api, version
        self._daily = dict(daily or {})
        self._spent: dict[str, Spent] = {}
        self._floods: dict[str, tuple[float, float]] = {}
        credential = stable_id("vk", token)[:16]
        self._keys = [f"vk:{credential}{f':{share:g}' if share < 1 else ''}" for share in _SLOWER]
        for key, share in zip(self._keys, _SLOWER, strict=True):
            client.limit(key, requests=1, seconds=_MARGIN / (rate * share))

    def __repr__(self) -> str:
        return f"VkApi({site(self._api)})"

    @property
    def spent(self) -> dict[str, Spent]:
        """Calls made today, by method: part of a source's cursor, given back by `resume`."""
        return dict(self._spent)

    def resume(self, spent: Mapping[str, Spent]) -> None:
        """Take over what was spent before, as far as it is more than is known here."""
        for method, before in spent.items():
            known = self._spent.get(method, Spent())
            self._spent[method] = max(known, before, key=lambda one: (one.period, one.amount))

    def held(self, call: Call) -> float:
        """Seconds for which this call is not to be made: no quota is left, or it was repeated too often."""
        until, _ = self._floods.get(call.key, (0.0, 0.0))
        return max(until - self._clock().timestamp(), self.used_up(call.method))

    def used_up(self, method: str) -> float:
        """Seconds until a method may be called again, 0 while calls are left."""
        now, budget, spent = self._clock(), self._budget(method), self._spent.get(method)
        over = spent is not None and budget.left(spent, now) < 1
        return (budget.ends(now) - now).total_seconds() if over else 0.0

    async def call(self, method: str, /, **params: str | int) -> bytes:
        """Make one call; return its `response` as JSON. Raises an order."""
        call = Call(method, params)
        self._begin(call)
        answer = await self._ask(method, params)
        if answer.error is not None:
            raise self._failed(call, answer.error)
        if not bytes(answer.response):
            raise RetryLater(f"{site(self._api)} answers something that is not VK's format")
        self._floods.pop(call.key, None)
        return bytes(answer.response)

    async def execute(self, calls: Sequence[Call]) -> list[bytes | SourceError]:
        """Make up to 25 calls in one request; return what came of each, in order.

        What failed as a whole is raised; CodeFailed means that there were too many calls.
        """
        results: list[bytes | SourceError] = [RetryLater("not asked yet")] * len(calls)
        asked: list[int] = []
        for place, call in enumerate(calls[:MOST_CALLS]):
            try:
                self._begin(call)
            except RetryLater as held:
                results[place] = held
            else:
                asked.append(place)
        if not asked:
            return results
        code = f"return [{','.join(_script(calls[place]) for place in asked)}];"
        answer = await self._ask("execute", {"code": code})
        if answer.error is not None:
            raise self._failed(_EXECUTE, answer.error)
        self._floods.pop(_EXECUTE.key, None)
        for place, result in zip(asked, self._split(answer, [calls[place] for place in asked]), strict=True):
            results[place] = result
        return results

    def _split(self, answer: _Answer, calls: Sequence[Call]) -> list[bytes | SourceError]:
        """A call that failed is `false` in the list; the errors stand beside it, in the same order."""
        answers = decode(bytes(answer.response), list[msgspec.Raw], what="execute")
        if len(answers) != len(calls):
            raise RetryLater("execute: VK answers another number of calls than were made")
        errors = iter(answer.execute_errors)
        results: list[bytes | SourceError] = []
        for call, raw in zip(calls, answers, strict=True):
            if bytes(raw) != b"false":
                self._floods.pop(call.key, None)
                results.append(bytes(raw))
            else:
                results.append(self._failed(call, next(errors, _Error(1, "no reason given"))))
        return results

    def _begin(self, call: Call) -> None:
        """Count a call; raises Flooded and QuotaReached where it is not to be made."""
        now = self._clock()
        until, _ = self._floods.get(call.key, (0.0, 0.0))
        if until > now.timestamp():
            raise Flooded(f"{call.method}: not repeated for a while", after=until - now.timestamp())
        spent = self._spent.get(call.method, Spent())
        if call.method in self._daily or spent.amount:
            try:
                self._spent[call.method] = self._budget(call.method).spend(spent, 1, now)
            except RetryLater as over:
                raise QuotaReached(str(over), after=over.after) from None

    async def _ask(self, method: str, params: Mapping[str, str | int]) -> _Answer:
        reply = await self._client.request(
            "POST",
            f"{self._api}/method/{method}",
            headers={
                "authorization": f"Bearer {self._token}",
                "content-type": "application/x-www-form-urlencoded",
            },
            content=urlencode({**params, "v": self._version}).encode(),
            limiter_key=self._keys[0],
            timeout=_TIMEOUT,
        )
        return decode(reply.body, _Answer, what=site(self._api))

    def _failed(self, call: Call, error: _Error) -> SourceError:
        said = " ".join(error.error_msg.replace(self._token, "***").split())[:_LONGEST_SENTENCE].rstrip(".")
        found = order(error.error_code, said, call.method)
        now = self._clock()
        if isinstance(found, Slower) and len(self._keys) > 1:
            self._keys.pop(0)
        elif isinstance(found, Flooded):
            _, last = self._floods.get(call.key, (0.0, 0.0))
            found.after = min(last * 2 or FLOOD_FIRST, FLOOD_LONGEST)
            self._floods[call.key] = (now.timestamp() + found.after, found.after)
        elif isinstance(found, QuotaReached):
            budget = self._budget(call.method)
            self._spent[call.method] = budget.used_up(now)
            found.after = (budget.ends(now) - now).total_seconds()
        return found

    def _budget(self, method: str) -> Budget:
        return Budget(what=f"VK's {method} calls", most=self._daily.get(method, 10**9), zone=ZONE)


def decode(body: bytes, kind: type[T], *, what: str) -> T:
    """Read JSON; raises RetryLater for garbage: asking again loses nothing. Halves of characters are mended."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:
        mended = json.dumps(json.loads(body), ensure_ascii=False).encode("utf-8", "replace")
        return msgspec.json.decode(mended, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise RetryLater(f"{what} answers something that is not VK's format") from None


def _script(call: Call) -> str:
    """A call in VKScript."""
    return f"API.{call.method}({msgspec.json.encode(call.params).decode()})"
