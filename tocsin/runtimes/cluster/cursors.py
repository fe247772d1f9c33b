"""Where each source stands: the latest record of its name in the compacted topic `cursors`."""

from collections.abc import Collection, Mapping

from tocsin.runtimes.cluster.broker import Broker, Outgoing, partition_of
from tocsin.runtimes.cluster.wire import CURSORS


class Cursors:
    """Reads and writes cursors. It blocks; for one thread at a time. Raises BrokerUnavailable."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._reader = broker.reader(CURSORS, client="cursors")
        self._partitions = 0

    def partition(self, source: str) -> int:
        """Return the partition that holds this source's cursor: whoever has it listens to the source."""
        if not self._partitions:
            self._partitions = self._broker.partitions(CURSORS)
        return partition_of(source.encode(), self._partitions)

    def read(self, sources: Collection[str]) -> dict[str, bytes]:
        """Return the cursors of these sources; one that never began has none."""
        found = self._reader.read({self.partition(source) for source in sources})
        wanted = {source.encode(): source for source in sources}
        latest = {wanted[each.key]: each.value for each in found if each.key in wanted}
        return {source: cursor for source, cursor in latest.items() if cursor is not None}

    def records(self, cursors: Mapping[str, bytes]) -> list[Outgoing]:
        """Return the records that store cursors; for after everything before them is acknowledged."""
        return [
            Outgoing(CURSORS, cursor, source.encode(), self.partition(source)) for source, cursor in cursors.items()
        ]

    def close(self) -> None:
        """Disconnect."""
        self._reader.close()
