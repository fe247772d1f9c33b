"""What people did: each act is kept once, and found by what it was done to or by when."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import cast

import msgspec

from domain.act import AnyAct, MentionAct
from storage.elasticsearch import reading
from storage.elasticsearch.bulk import bulk
from storage.elasticsearch.client import Cluster
from storage.elasticsearch.decisions import act_write
from storage.elasticsearch.documents import exact
from storage.elasticsearch.schema import ACTS
from storage.moments import micros

_ACT = msgspec.json.Decoder(cast("type[AnyAct]", AnyAct))
_ON_MENTION = msgspec.json.Decoder(cast("type[MentionAct]", MentionAct))
_KINDS = ["correct", "replied"]
_BY_TIME: reading.Sort = [{"at_micros": "asc"}, {"id": "asc"}]


class Acts:
    """The acts of all brands. They are few, so that searches see each as soon as it is kept."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster, self._index = cluster, cluster.name(ACTS)

    def keep(self, acts: Sequence[AnyAct]) -> None:
        """Keep acts that are not kept yet; the others stay as they are."""
        if acts:
            bulk(self._cluster, [act_write(self._index, act) for act in acts], refresh=True).require()

    def since(self, brand: str, moment: datetime | None, kind: str) -> list[AnyAct]:
        """Acts, of one kind where one is given, in order of time, then by id."""
        asked: list[reading.Query] = []
        if brand:
            asked.append({"term": {"brand": exact(brand)}})
        if kind:
            asked.append({"term": {"act": kind}})
        if moment is not None:
            asked.append({"range": {"at_micros": {"gte": micros(moment)}}})
        found = reading.scan(self._cluster, self._index, reading.everything(asked), _BY_TIME)
        return [_ACT.decode(one.body) for one in found]

    def done_to(self, mention_ids: Iterable[str]) -> dict[str, list[MentionAct]]:
        """What was done to some mentions, by mention; those that nobody did anything to are left out."""
        ids = list(dict.fromkeys(mention_ids))
        found: dict[str, list[MentionAct]] = {}
        for start in range(0, len(ids), reading.AT_ONCE):
            subjects = [exact(name) for name in ids[start : start + reading.AT_ONCE]]
            asked = reading.everything([{"terms": {"subject": subjects}}, {"terms": {"act": _KINDS}}])
            for one in reading.scan(self._cluster, self._index, asked, _BY_TIME):
                act = _ON_MENTION.decode(one.body)
                found.setdefault(act.mention, []).append(act)
        return found
