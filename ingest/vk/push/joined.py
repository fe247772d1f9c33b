"""Names and followers of those who write: events hold numbers only, so VK is asked for many at a time."""

from collections.abc import Callable, Iterable
from datetime import datetime

import msgspec
from msgspec import Struct

from domain.errors import SourceError
from domain.post import Author
from ingest.vk.api import VkApi, decode
from ingest.vk.orders import Closed, Flooded, NoSuch, QuotaReached
from ingest.vk.people import FIELDS, People, author, read_people

MOST_USERS, MOST_GROUPS = 1_000, 500
"""What users.get and groups.getById take at a time."""
REMEMBERED, FRESH = 5_000, 6 * 3_600
"""People remembered, and for how many seconds."""


class _Groups(Struct):
    groups: list[msgspec.Raw] = []


class Names:
    """Looks people up and remembers them for a while."""

    def __init__(self, api: VkApi, *, clock: Callable[[], datetime], site: str) -> None:
        self._api, self._clock, self._site = api, clock, site
        self._known: dict[int, tuple[float, Author]] = {}

    async def of(self, numbers: Iterable[int]) -> People:
        """Return who they are; communities are negative.

        Somebody whom VK does not tell is known by the number alone, and so is everybody while VK's quota is used up.
        Raises what VkApi raises for everything else.
        """
        now = self._clock().timestamp()
        wanted = {number for number in numbers if number}
        unknown = sorted(number for number in wanted if self._known.get(number, (0.0, None))[0] <= now)
        users, groups = [one for one in unknown if one > 0], [-one for one in unknown if one < 0]
        for some in _slices(users, MOST_USERS):
            self._learn(some, await self._users(some), now)
        for some in _slices(groups, MOST_GROUPS):
            self._learn([-one for one in some], await self._groups(some), now)
        found = {number: self._known[number][1] for number in wanted if number in self._known}
        for old in list(self._known)[:-REMEMBERED]:
            del self._known[old]
        return found

    async def _users(self, numbers: list[int]) -> People | None:
        try:
            raw = await self._api.call("users.get", user_ids=",".join(map(str, numbers)), fields=FIELDS)
        except SourceError as error:
            return _nobody(error)
        return read_people(decode(raw, list[msgspec.Raw], what="users.get"), (), site=self._site)

    async def _groups(self, numbers: list[int]) -> People | None:
        try:
            raw = await self._api.call("groups.getById", group_ids=",".join(map(str, numbers)), fields=FIELDS)
        except SourceError as error:
            return _nobody(error)
        return read_people((), read_groups(raw), site=self._site)

    def _learn(self, numbers: list[int], found: People | None, now: float) -> None:
        for number in numbers if found is not None else ():
            self._known.pop(number, None)
            self._known[number] = (now + FRESH, author(number, found or {}, site=self._site))


def read_groups(raw: bytes) -> list[msgspec.Raw]:
    """Read an answer of groups.getById: communities, since version 5.139 within `groups`."""
    if raw.lstrip().startswith(b"["):
        return decode(raw, list[msgspec.Raw], what="groups.getById")
    return decode(raw, _Groups, what="groups.getById").groups


def _nobody(error: SourceError) -> People | None:
    """Say that nobody is told, for good (an empty map) or for now (None); raise what is about more than names."""
    if isinstance(error, Closed | NoSuch):
        return {}
    if isinstance(error, Flooded | QuotaReached):
        return None
    raise error


def _slices(numbers: list[int], most: int) -> list[list[int]]:
    return [numbers[start : start + most] for start in range(0, len(numbers), most)]
