"""Keeps URLs that came from outside away from private networks: only public addresses, checked after DNS."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from domain.errors import RetryLater, SourceMisconfigured

Resolve = Callable[[str, int], Awaitable[list[str]]]

_NAT64 = IPv6Network("64:ff9b::/96")


async def system_resolve(host: str, port: int) -> list[str]:
    """Ask the system for a host's addresses, in its order of preference."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[4][0]) for address in found))


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet, whatever it is wrapped in."""
    ip = _innermost(ip_address(address.partition("%")[0]))
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def _innermost(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(ip, IPv4Address):
        return ip
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFF_FFFF)
    teredo = ip.teredo
    return ip.ipv4_mapped or ip.sixtofour or (teredo[1] if teredo else ip)


class Guard:
    """Resolves a host and refuses it unless every address is public.

    The caller must connect to the addresses given back, not to the name: a second look-up may answer otherwise.
    """

    def __init__(self, *, resolve: Resolve = system_resolve, public: Callable[[str], bool] = is_public) -> None:
        self._resolve = resolve
        self._public = public

    async def addresses(self, host: str, port: int) -> list[str]:
        """Return the checked addresses of `host`; raises SourceMisconfigured or RetryLater."""
        try:
            found = await self._resolve(host, port)
        except (OSError, UnicodeError):
            raise RetryLater(f"the name {host} cannot be resolved") from None
        if not found or not all(self._public(address) for address in found):
            raise SourceMisconfigured(
                f"{host} was named by the network, not by tocsin.toml, and does not lead to the public internet; "
                "if it is meant, write that address in tocsin.toml"
            )
        return found
