"""An own community as its token sees it: its name, its long poll server, what it tells."""

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct

from domain.errors import SourceMisconfigured
from ingest.http import PoliteClient
from ingest.vk.api import VkApi, decode
from ingest.vk.config import Config
from ingest.vk.orders import Closed, NoSuch
from ingest.vk.push.events import KNOWN
from ingest.vk.push.joined import Names


class Server(Struct, frozen=True):
    """A long poll server, the key to it, and the number of the last event there (told as text or as a number)."""

    key: str
    server: str
    ts: str | int


class _Settings(Struct):
    is_enabled: bool | int
    events: dict[str, bool | int] = {}


class _Code(Struct):
    code: str


class Community:
    """One community and the token that speaks for it."""

    def __init__(self, config: Config, *, client: PoliteClient, clock: Callable[[], datetime]) -> None:
        if config.group is None or config.token is None:
            raise SourceMisconfigured("vk: `group` and `token` are needed")
        self._group = config.group
        self._api = VkApi(
            client,
            token=config.token.get_secret_value(),
            clock=clock,
            api=config.api,
            version=config.version,
            rate=config.rate,
        )
        self.names = Names(self._api, clock=clock, site=config.site)

    async def named(self) -> str:
        """Its name and how its address writes it; raises what VkApi raises."""
        found = (await self.names.of([-self._group])).get(-self._group)
        return f"{found.name or 'no name'} ({found.handle})" if found else f"club{self._group}"

    async def server(self) -> Server:
        """Where its events are told now."""
        raw = await self._api.call("groups.getLongPollServer", group_id=self._group)
        return decode(raw, Server, what="groups.getLongPollServer")

    async def silent(self) -> list[str] | None:
        """Events that we could read and that its long poll is set not to tell; None: the token may not see it."""
        try:
            raw = await self._api.call("groups.getLongPollSettings", group_id=self._group)
        except (Closed, NoSuch):
            return None
        settings = decode(raw, _Settings, what="groups.getLongPollSettings")
        if not settings.is_enabled:
            return sorted(KNOWN)
        return sorted(name for name in KNOWN if not settings.events.get(name))

    async def confirmation(self) -> str | None:
        """What its Callback API wants to be answered first; None: the token may not see it."""
        try:
            raw = await self._api.call("groups.getCallbackConfirmationCode", group_id=self._group)
        except (Closed, NoSuch):
            return None
        return decode(raw, _Code, what="groups.getCallbackConfirmationCode").code
