"""What a token may do and when it ends, as `debug_token` says. Its end is told a week before."""

from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from domain.errors import SourceStopped
from ingest.graph.answers import NotAllowed, ObjectGone
from ingest.graph.api import Graph
from ingest.graph.config import GraphConfig

WARNED = timedelta(days=7)
_DAY = timedelta(days=1)


class Token(Struct, frozen=True):
    """`debug_token` of one token; `expires_at` and `data_access_expires_at` are unix seconds, 0 for never."""

    is_valid: bool = True
    type: str = ""
    application: str = ""
    expires_at: int = 0
    data_access_expires_at: int = 0
    scopes: list[str] = []

    @property
    def ends(self) -> datetime | None:
        """When it stops being of use, None for never."""
        told = [at for at in (self.expires_at, self.data_access_expires_at) if at > 0]
        return datetime.fromtimestamp(min(told), UTC) if told else None


class _Answer(Struct):
    data: Token


class TokenWatch:
    """Asks once a day when the token ends."""

    def __init__(self, config: GraphConfig, graph: Graph, *, clock: Callable[[], datetime]) -> None:
        self._config, self._graph, self._clock = config, graph, clock

    async def look(self) -> Token | None:
        """Return what is known of the token, None where it may not be asked; raises SourceStopped for a dead one."""
        config = self._config
        if config.token is None:
            return None
        secret = config.app_secret.get_secret_value() if config.app_secret else ""
        asking = f"{config.app_id}|{secret}" if config.app_id and secret else ""
        try:
            answer = await self._graph.get(
                "debug_token",
                {"input_token": config.token.get_secret_value()},
                _Answer,
                token=asking,
                alone=bool(asking),
            )
        except (ObjectGone, NotAllowed):
            return None
        if not answer.data.is_valid:
            raise SourceStopped("the Graph API says that the token is not valid; make a new one and put it in place")
        return answer.data

    async def daily(self, day: str) -> tuple[str, str]:
        """Look once a day: today, and a sentence when the end is near. `day` is when it was looked at last."""
        now = self._clock()
        today = now.date().isoformat()
        if self._config.token is None or day == today:
            return day, ""
        token = await self.look()
        return today, ending(token, now) if token else ""


def ending(token: Token, now: datetime) -> str:
    """Say that a token ends within a week; nothing before that."""
    if token.ends is None or token.ends - now > WARNED:
        return ""
    days = max((token.ends - now) // _DAY, 0)
    left = "today" if not days else "tomorrow" if days == 1 else f"in {days} days"
    return f"the token ends {left} ({token.ends:%Y-%m-%d %H:%M} UTC): make a new one and put it in place"


def told(token: Token | None, wanted: Collection[str], now: datetime) -> str:
    """Say in one sentence what a token is, what it lacks of the `wanted` rights, and when it ends."""
    if token is None:
        return "its rights and its end cannot be asked for (set app_id and app_secret)"
    kind = f"{token.type.lower() or 'access'} token" + (f" of app {token.application}" if token.application else "")
    lacking = sorted(set(wanted) - set(token.scopes)) if token.scopes else []
    rights = f"it lacks {', '.join(lacking)}" if lacking else "it has every right that is needed"
    end = ending(token, now) or (f"it ends on {token.ends:%Y-%m-%d}" if token.ends else "it does not end")
    return f"{kind}; {rights}; {end}"
