"""Lets whole months go: their mentions, and what is remembered of the posts behind them."""

from datetime import datetime

from storage.elasticsearch import posts, reading
from storage.elasticsearch.bulk import Write, bulk
from storage.elasticsearch.client import Cluster
from storage.elasticsearch.schema import Schema

_ABSENT = 404
_MONTHS = 12


def drop_expired(cluster: Cluster, schema: Schema, now: datetime) -> list[str]:
    """Delete what is older than `keep_months` whole months before this one; return the months that went."""
    kept = cluster.settings.keep_months
    if not kept:
        return []
    year, month = divmod(now.year * _MONTHS + now.month - 1 - kept, _MONTHS)
    oldest = f"{year:04}-{month + 1:02}"
    expired = {name: index for name, index in schema.months().items() if name < oldest}
    for index in expired.values():
        cluster.ask("DELETE", f"/{index}", also=(_ABSENT,))
    _forget_posts(cluster, oldest)
    return list(expired)


def _forget_posts(cluster: Cluster, oldest: str) -> None:
    index = cluster.name(posts.INDEX)
    asked: reading.Query = {"range": {"month": {"lt": oldest}}}
    while True:
        found = reading.find(
            cluster, index, asked, [{"month": "asc"}], limit=reading.AT_ONCE, _source=False, seq_no_primary_term=True
        )
        if not found:
            return
        # One that was remembered anew meanwhile is deleted in its turn: it is of the same month.
        bulk(cluster, [Write(index, one.id, None, seen=one.seen) for one in found], refresh=True).require()
