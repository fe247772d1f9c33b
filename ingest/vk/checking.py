"""What `doctor` is told: whose token it is, and what VK shows to it."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from msgspec import Struct

from domain.errors import SourceError
from ingest.vk.answers import read_listing
from ingest.vk.api import MOST_CALLS, Call, VkApi
from ingest.vk.names import owner_of

_NAMED = 10


class Try(NamedTuple):
    """A call that must succeed, and what it stands for."""

    name: str
    call: Call


class _User(Struct):
    first_name: str = ""
    last_name: str = ""


async def checked(api: VkApi, tries: Sequence[Try], *, site: str, bundle: bool) -> str:
    """Say who the token is and what can be read; raises an order when nothing can."""
    some = tries[: MOST_CALLS - 1]
    calls = [Call("users.get"), *(one.call for one in some)]
    who, *answers = await (api.execute(calls) if bundle else _singly(api, calls))
    shown, hidden = [], []
    for one, answer in zip(some, answers, strict=True):
        if isinstance(answer, SourceError):
            hidden.append(f"{one.name} ({answer})")
        else:
            shown.append(_titled(one.name, answer, site))
    errors = [answer for answer in answers if isinstance(answer, SourceError)]
    if errors and not shown:
        raise errors[0]
    more = len(tries) - len(some) + max(len(shown) - _NAMED, 0)
    sentence = f"VK takes {_whose(who)} and shows {', '.join(shown[:_NAMED])}"
    sentence += f" and {more} more" if more else ""
    sentence += f"; it does not show {', '.join(hidden)}" if hidden else ""
    return " ".join(sentence.split())


async def _singly(api: VkApi, calls: Sequence[Call]) -> list[bytes | SourceError]:
    answers: list[bytes | SourceError] = []
    for call in calls:
        try:
            answers.append(await api.call(call.method, **call.params))
        except SourceError as error:
            answers.append(error)
    return answers


def _whose(answer: bytes | SourceError) -> str:
    """A service token belongs to nobody, so that VK has nobody to show."""
    if isinstance(answer, SourceError):
        return "the token"
    try:
        users = msgspec.json.decode(answer, type=list[_User])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return "the token"
    return f"a user token of {users[0].first_name} {users[0].last_name}" if users else "a service token"


def _titled(name: str, answer: bytes, site: str) -> str:
    """A community by its title, where VK tells it."""
    people = read_listing(answer).people(site)
    owner = owner_of(name)
    author = people.get(owner) or next((one for one in people.values() if one.handle.lower() == name), None)
    return f"{author.name} ({name})" if author and author.name else name
