"""Writes mentions: each is one document for ever, its highest version stays, and what was done to it holds."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from operator import attrgetter

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from domain.act import MentionAct
from domain.acted import acted
from domain.errors import StoreUnavailable
from domain.mention import Mention
from storage.cluster import Versioned, month_of
from storage.elasticsearch import reading
from storage.elasticsearch.acts import Acts
from storage.elasticsearch.bulk import Outcome, Write, bulk
from storage.elasticsearch.client import Cluster
from storage.elasticsearch.documents import exact, key, mention_source
from storage.elasticsearch.schema import Schema
from storage.marks import edit_times, marked_deleted
from storage.store import Commit

_MOST_TRIES = 20
_BY_ID: reading.Sort = [{"id": "asc"}]

_MENTION = msgspec.json.Decoder(Mention)


class _Stored(Struct, frozen=True):
    """A mention as it is stored, and where."""

    mention: Mention
    index: str
    version: int


class Mentions:
    """The mentions of all months."""

    def __init__(self, cluster: Cluster, schema: Schema, acts: Acts) -> None:
        self._cluster, self._schema, self._acts = cluster, schema, acts

    def write(self, told: Sequence[Versioned]) -> Outcome:
        """Index mentions as they stand after what was done to them; say what became of each by its number.

        Searches see them within seconds. Raises StoreUnavailable, and then all are to be written again.
        """
        # Of several versions in one batch only the last is worth a document.
        latest: dict[str, int] = {}
        for number, one in enumerate(told):
            before = latest.get(one.mention.id)
            if before is None or one.version >= told[before].version:
                latest[one.mention.id] = number
        chosen = sorted(latest.values())
        writes = [
            _write(mention, self._schema.month_index(told[number].month), told[number].version)
            for number, mention in zip(chosen, self._with_stories(told, chosen), strict=True)
        ]
        outcome = bulk(self._cluster, writes, on_absent=self._schema.make)
        self._hold({write.id: write.index for write in writes})
        return outcome.renumbered(chosen, len(told))

    def _with_stories(self, told: Sequence[Versioned], chosen: Sequence[int]) -> list[Mention]:
        """The mentions of these numbers; one without a story keeps the one it was told with before.

        Who tells of a deletion or of new counters knows the stories of the last days only.
        """
        lost = {
            told[number].mention.id: (self._schema.month_index(told[number].month), key(told[number].mention.id))
            for number in chosen
            if not told[number].mention.story
        }
        mentions = [told[number].mention for number in chosen]
        if not lost:
            return mentions
        stored = map(_mention, reading.documents_at(self._cluster, list(lost.values())))
        earlier = sorted((one for one in told if one.mention.id in lost), key=attrgetter("version"))
        stories = {one.id: one.story for one in (*stored, *(each.mention for each in earlier)) if one.story}
        return [
            replace(mention, story=stories.get(mention.id, "")) if mention.id in lost else mention
            for mention in mentions
        ]

    def commit(self, batch: Commit) -> list[Mention]:
        """Write a batch's mentions and change those that its acts are about; mark what its posts take away.

        Returns the stored mentions that were not answered before and are now.
        """
        self._acts.keep(batch.acts)
        concerned = [act.mention for act in batch.acts if isinstance(act, MentionAct)]
        told = (*batch.mentions, *batch.recounted)
        wanted = list(dict.fromkeys([*concerned, *(mention.id for mention in told)]))
        posts = list(dict.fromkeys([*batch.edited_posts, *batch.deleted_posts]))
        if not wanted and not posts:
            return []
        for _ in range(_MOST_TRIES):
            stored = self._stored(wanted, posts)
            mentions = _after(batch, {name: one.mention for name, one in stored.items()})
            acts = self._acts.done_to(mentions)
            after = {name: acted(mention, acts.get(name, ())) for name, mention in mentions.items()}
            changed = {name: one for name, one in after.items() if name not in stored or stored[name].mention != one}
            writes = [self._replacing(one, stored.get(name)) for name, one in changed.items()]
            outcome = bulk(self._cluster, writes, refresh=True, on_absent=self._schema.make).require()
            if not outcome.overtaken:
                self._hold({write.id: write.index for write in writes}, refresh=True)
                return [
                    one
                    for name, one in changed.items()
                    if one.first_response_at and name in stored and not stored[name].mention.first_response_at
                ]
        raise StoreUnavailable("these mentions are written by others all the time")

    def bring_up_to_date(self) -> int:
        """Index anew the months whose words were made with other word forms; return how many mentions that were.

        Any number of processes may do it at once, and others may write: of one version the last write stays.
        """
        written = 0
        for month, index in self._schema.outdated(look=True).items():
            found = reading.scan(self._cluster, index, {"match_all": {}}, _BY_ID, version=True)
            while chunk := list(islice(found, reading.AT_ONCE)):
                self.write([Versioned(mention=_mention(one), version=one.version, month=month) for one in chunk])
                written += len(chunk)
            self._schema.mark_current(index)
        return written

    def of_post(self, post_id: str) -> list[Mention]:
        """Every mention made of a post, by brand."""
        asked: reading.Query = {"term": {"post_id": exact(post_id)}}
        found = reading.scan(self._cluster, self._schema.mentions, asked, _BY_ID)
        return sorted(map(_mention, found), key=lambda mention: (mention.brand, mention.id))

    def one(self, mention_id: str) -> Mention | None:
        """One mention."""
        found = reading.find(self._cluster, self._schema.mentions, _named([mention_id]), _BY_ID, limit=1)
        return _mention(found[0]) if found else None

    def beginning(self, beginning: str, limit: int) -> list[Mention]:
        """Mentions whose id begins so, by id."""
        asked: reading.Query = {"prefix": {"id": exact(beginning)}} if beginning else {"match_all": {}}
        return list(map(_mention, reading.find(self._cluster, self._schema.mentions, asked, _BY_ID, limit=limit)))

    def _stored(self, mention_ids: Sequence[str], post_ids: Sequence[str]) -> dict[str, _Stored]:
        """The mentions of these ids and of these posts, as they are at this moment, by id."""
        self._cluster.ask("POST", f"/{self._schema.mentions}/_refresh", params={"ignore_unavailable": "true"})
        parts = [*map(_named, _chunks(mention_ids))]
        parts += [{"terms": {"post_id": chunk}} for chunk in _chunks(post_ids)]
        found: dict[str, _Stored] = {}
        for part in parts:
            for one in reading.scan(self._cluster, self._schema.mentions, part, _BY_ID, version=True):
                mention = _mention(one)
                found[mention.id] = _Stored(mention, one.index, one.version)
        return found

    def _replacing(self, mention: Mention, stored: _Stored | None) -> Write:
        """Write a mention where it lives already, if it does: an edit of its date moves it nowhere."""
        if stored is None:
            return _write(mention, self._schema.month_index(month_of(mention.post)), 0)
        return _write(mention, stored.index, stored.version)

    def _hold(self, places: Mapping[str, str], *, refresh: bool = False) -> None:
        """Bring mentions (the index of each, by id) to what was done to them, until nobody has done anything new.

        An act is kept before its mention is looked at, and here the acts are looked at after the mention is written:
        whichever comes first, the later one sees the other.
        """
        acts = self._acts.done_to(places)
        for _ in range(_MOST_TRIES):
            if not acts:
                return
            stored = reading.documents_at(self._cluster, [(places[name], name) for name in acts if name in places])
            writes = []
            for one in stored:
                mention = _mention(one)
                after = acted(mention, acts[mention.id])
                if after != mention:
                    writes.append(_write(after, one.index, one.version))
            outcome = bulk(self._cluster, writes, refresh=refresh).require()
            before, acts = acts, self._acts.done_to(acts)
            if acts == before and not outcome.overtaken:
                return
        raise StoreUnavailable("these mentions are acted on by others all the time")


def _after(batch: Commit, stored: dict[str, Mention]) -> dict[str, Mention]:
    """What the mentions concerned are after a batch, by id."""
    mentions = stored | {mention.id: mention for mention in (*batch.mentions, *batch.recounted)}
    written, times = {mention.id for mention in batch.mentions}, edit_times(batch.posts)
    edited = set(batch.edited_posts)
    for name, mention in mentions.items():
        post_id = mention.post.id
        if post_id in edited and name not in written and mention.deleted_at is None:
            mentions[name] = marked_deleted(mention, times.get(post_id))
    for name, mention in mentions.items():
        if mention.post.id in batch.deleted_posts and mention.deleted_at is None:
            mentions[name] = marked_deleted(mention, batch.deleted_posts[mention.post.id])
    return mentions


def _write(mention: Mention, index: str, version: int) -> Write:
    return Write(index, key(mention.id), mention_source(mention), version=version)


def _mention(one: reading.Document) -> Mention:
    return _MENTION.decode(one.body)


def _named(ids: Sequence[str]) -> reading.Query:
    return {"ids": {"values": list(map(key, ids))}}


def _chunks(names: Sequence[str]) -> Iterator[list[str]]:
    for start in range(0, len(names), reading.AT_ONCE):
        yield list(names[start : start + reading.AT_ONCE])
