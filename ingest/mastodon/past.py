"""What the timelines of an instance still show: newest first, page by page, down to a date."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import msgspec
from msgspec.structs import replace

from domain.dead_letter import DeadLetter
from domain.errors import Refused
from domain.post import Record
from ingest.listing import Known, Slice
from ingest.mastodon.config import Config
from ingest.mastodon.parse import order, read_status, refusal, status_id
from ingest.mastodon.server import Server


class Timelines:
    """See `ingest.listing.Listing`: hashtags and public timelines."""

    network, covers = "mastodon", False

    def __init__(self, server: Server, config: Config, *, source: str, clock: Callable[[], datetime]) -> None:
        self._server, self._config, self._source, self._clock = server, config, source, clock
        self._channels = {channel.key: channel for channel in config.channels()}
        self.targets: Sequence[str] = tuple(self._channels)

    async def page(self, target: str, place: str, known: Mapping[str, Known]) -> Slice:  # noqa: ARG002  # read whole
        """The statuses right before an id."""
        statuses = await self._server.timeline(self._channels[target], before=place)
        ids = [one for one in map(status_id, statuses) if one]
        uris = {status_id(one): one["uri"] for one in statuses if isinstance(one, dict) and _has_uri(one)}
        read = [self._read(status, uris) for status in statuses]
        records = [one for one in read if isinstance(one, Record)]
        lowest = min(ids, key=order, default="")
        # A server that does not know the parameter shows the same page again.
        goes_on = lowest and (not place or order(lowest) < order(place))
        return Slice(
            records=records,
            letters=[one for one in read if isinstance(one, DeadLetter)],
            # By arrival: an old one that another server brought late ends nothing.
            oldest=max((int(one.post.created_at.timestamp()) for one in records), default=None),
            place=lowest if goes_on else "",
        )

    async def one(self, known: Known) -> Record | DeadLetter | None:
        """Nothing is asked for by itself."""
        raise KeyError(known.ask)

    def _read(self, status: object, uris: Mapping[str, str]) -> Record | DeadLetter | None:
        raw, now = msgspec.json.encode(status), self._clock()
        try:
            post = read_status(
                status,
                host=self._server.host,
                source=self._source,
                collected_at=now,
                known=uris,
                respect_opt_out=self._config.respect_opt_out,
            )
        except Refused as error:
            where = f"{self._server.host} {status_id(status) or 'timeline'}"
            return refusal(error, raw, where, source=self._source, at=now)
        return Record(post=replace(post, origin="backfill"), raw=raw) if post else None


def _has_uri(status: Mapping[str, object]) -> bool:
    return isinstance(status.get("uri"), str)
