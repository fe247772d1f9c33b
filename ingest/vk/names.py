"""How people name communities and persons of VK, and how VK's calls take them."""

import re

_ADDRESS = re.compile(r"(?:https?://)?(?:www\.|m\.)?vk\.(?:com|ru)/", re.IGNORECASE)
_NUMBERED = re.compile(r"(?:(?:club|public|event)(\d{1,12})|id(\d{1,12})|(-\d{1,12}))", re.IGNORECASE)
_SCREEN_NAME = re.compile(r"[A-Za-z][\w.]{1,63}", re.ASCII)


def plain_name(written: str) -> str:
    """Take an address or an @ off a name; raises ValueError for what can be no name of VK's."""
    name = _ADDRESS.sub("", written.strip(), count=1).removeprefix("@").partition("?")[0].strip("/").lower()
    if not (_NUMBERED.fullmatch(name) or _SCREEN_NAME.fullmatch(name)):
        raise ValueError(f"{written!r:.80}: write a community as auroraair, club501 or https://vk.com/auroraair")
    return name


def owner_of(name: str) -> int:
    """The number of a wall's owner, negative for a community; 0 where only VK knows it."""
    found = _NUMBERED.fullmatch(name)
    if found is None:
        return 0
    community, person, number = found.groups()
    return -int(community) if community else int(person or number)


def wall_params(name: str) -> dict[str, str | int]:
    """Whose wall, as the methods of `wall` take it."""
    owner = owner_of(name)
    return {"owner_id": owner} if owner else {"domain": name}


def numbered(owner: int) -> str:
    """The name that everybody has: `club501` for -501, `id1` for 1."""
    return f"id{owner}" if owner > 0 else f"club{-owner}"
