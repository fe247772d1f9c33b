"""URLs as far as they may be spoken of and trusted: what to name in an error, which host counts as the same."""

from collections.abc import Collection
from urllib.parse import SplitResult, urljoin, urlsplit

from domain.errors import SourceMisconfigured

_DEFAULT_PORTS = {"http": 80, "https": 443}


_WRONG = "this is not an http or https address; write it as https://host/path"


def split(url: str, *, schemes: Collection[str] = frozenset(_DEFAULT_PORTS), wrong: str = _WRONG) -> SplitResult:
    """Take a URL of one of the schemes apart; raises SourceMisconfigured(wrong), without the URL, for any other."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise SourceMisconfigured(wrong)
    return parts


def named(parts: SplitResult) -> str:
    """Name a URL by scheme, host and port only: paths, queries and user names can hold secrets."""
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port else "")


def site(url: str) -> str:
    """Name a URL by scheme and host only: paths, queries and user names can hold secrets."""
    try:
        return named(split(url))
    except SourceMisconfigured:
        return "an unusable address"


def host_of(url: str) -> str:
    """Lower-case host of a URL, empty where there is none."""
    try:
        return split(url).hostname or ""
    except SourceMisconfigured:
        return ""


def server_of(url: str) -> str:
    """Host of a URL, with the port where it is not the usual one: who is to be asked politely."""
    try:
        parts = split(url)
    except SourceMisconfigured:
        return ""
    usual = parts.port in {None, *_DEFAULT_PORTS.values()}
    return f"{parts.hostname}" if usual else f"{parts.hostname}:{parts.port}"


def same_site(one: str, other: str) -> bool:
    """Whether two URLs lead to the same host and port; http and https on their own ports count as one."""
    a, b = split(one), split(other)
    if a.hostname != b.hostname:
        return False
    port_a, port_b = a.port or _DEFAULT_PORTS[a.scheme], b.port or _DEFAULT_PORTS[b.scheme]
    return port_a == port_b or {port_a, port_b} == {80, 443}


def join(url: str, reference: str) -> str:
    """Resolve a reference against a URL; raises SourceMisconfigured where that leads nowhere."""
    try:
        target = urljoin(url, reference.strip())
    except ValueError:
        target = ""
    split(target)
    return target


def link_from(url: str, reference: str) -> str:
    """Make a link found at `url` absolute; empty when it leads to no http(s) address."""
    try:
        return join(url, reference) if reference.strip() else ""
    except SourceMisconfigured:
        return ""
