"""Those who write on VK: the `profiles` and `groups` that stand beside posts."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from domain.post import Author
from ingest.markup import clean
from ingest.records.values import count
from ingest.vk.names import numbered

FIELDS = "screen_name,followers_count,members_count,verified"
"""What to ask for with `extended=1`, and of `users.get` and `groups.getById`."""
SITE = "https://vk.ru"

People = Mapping[int, Author]
"""Authors by VK's number, negative for communities."""


class _Person(Struct):
    id: int
    first_name: str = ""
    last_name: str = ""
    name: str = ""
    screen_name: str = ""
    domain: str = ""
    followers_count: Any = None
    members_count: Any = None
    verified: Any = None


_person = msgspec.json.Decoder(_Person)


def read_people(profiles: Iterable[msgspec.Raw], groups: Iterable[msgspec.Raw], *, site: str = SITE) -> People:
    """Read both lists; what cannot be read is nobody."""
    found = {}
    for raw, sign in [*((raw, 1) for raw in profiles), *((raw, -1) for raw in groups)]:
        try:
            person = _person.decode(bytes(raw))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
        found[sign * person.id] = _author(sign * person.id, person, site)
    return found


def author(number: int, people: People, *, site: str = SITE) -> Author:
    """Who this is; somebody of whom only the number is known where nobody told."""
    return people.get(number) or _author(number, _Person(number), site)


def account(number: int, people: People) -> str:
    """The account as configuration writes it: `vk:auroraair`, else `vk:club501` or `vk:id1`."""
    known = people.get(number)
    return f"vk:{known.handle if known else numbered(number)}".lower()


def _author(number: int, person: _Person, site: str) -> Author:
    handle = clean(person.screen_name or person.domain) or numbered(number)
    name = clean(person.name) if number < 0 else clean(f"{person.first_name} {person.last_name}").strip()
    return Author(
        id=str(number),
        name=name,
        handle=handle,
        url=f"{site}/{handle}",
        followers=count(person.followers_count if number > 0 else person.members_count),
        verified=None if person.verified is None else bool(person.verified),
    )
