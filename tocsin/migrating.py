"""Moves what one process kept in its file to the cluster: nothing is told twice, nothing is learnt anew.

Everything is written by id and may be written again, so an interrupted move is simply repeated. Only a brand for
which the cluster has decided something already is refused: its rules have gone on from another state by then.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from domain.acted import as_heard
from domain.errors import StoreError
from domain.mention import Mention
from storage.cluster import BrandState, Known, Origin, Versioned, month_of
from storage.elasticsearch import BrandStates, ElasticsearchStore, Held, PostMemory
from storage.store import Commit, Store

LINE = "migrated"
"""The line of posts that came out of the file."""
_AT_ONCE = 500
_ALL = 1_000_000_000

T = TypeVar("T")


class Moved(Struct, kw_only=True):
    """How much was moved so far."""

    posts: int = 0
    mentions: int = 0
    acts: int = 0
    incidents: int = 0
    alerts: int = 0
    notifications: int = 0
    dead_letters: int = 0
    brands: int = 0
    cursors: int = 0


class Migration:
    """Moves one file. `keep_cursors` writes where each source stands; `watch` is told the progress."""

    def __init__(
        self,
        *,
        file: Store,
        home: ElasticsearchStore,
        memory: PostMemory,
        states: BrandStates,
        keep_cursors: Callable[[Mapping[str, bytes]], None],
        watch: Callable[[Moved], None] = lambda _: None,
    ) -> None:
        self.moved = Moved()
        self._file, self._home, self._memory, self._states = file, home, memory, states
        self._keep_cursors, self._watch = keep_cursors, watch

    def run(self, *, brands: Sequence[str], folds: Sequence[str], sources: Sequence[str]) -> Moved:
        """Move everything about these brands, folds and sources.

        Raises StoreError, before anything is written, for brands that the cluster has decided for already.
        """
        held = self._states.load(brands)
        decided = sorted(brand for brand, one in held.items() if one.state.turn)
        if decided:
            named = ", ".join(decided)
            raise StoreError(f"the cluster has decided for {named} already: move a file before the processes start")
        self._acts()
        self._mentions()
        self._decisions()
        self._brands(brands, folds, held)
        found = {name: cursor for name in sources if (cursor := self._file.cursor(name)) is not None}
        self._keep_cursors(found)
        self._tell(cursors=len(found))
        return self.moved

    def _acts(self) -> None:
        # Before the mentions: these are corrected as they are written.
        for some in _pieces(self._file.acts()):
            self._home.commit(Commit(acts=some))
            self._tell(acts=len(some))

    def _mentions(self) -> None:
        seen: set[str] = set()
        for posts in _pieces(self._file.posts()):
            fresh = list(dict.fromkeys(post.id for post in posts if post.id not in seen))
            seen.update(fresh)
            of_post = {post_id: found for post_id in fresh if (found := self._file.mentions_of(post_id))}
            versions = self._file.known_versions(list(of_post))
            known = {post_id: _known(versions[post_id], mentions) for post_id, mentions in of_post.items()}
            told = [
                Versioned(mention=mention, version=0, month=known[post_id].month)
                for post_id, mentions in of_post.items()
                for mention in mentions
            ]
            self._home.index(told).require()
            # One that the cluster has taken further since stays as it is there.
            self._memory.remember(known)
            self._tell(posts=len(of_post), mentions=len(told))

    def _decisions(self) -> None:
        for incidents in _pieces(reversed(self._file.incidents(limit=_ALL))):
            self._home.commit(Commit(incidents=incidents))
            self._tell(incidents=len(incidents))
        for alerts in _pieces(reversed(self._file.alerts(limit=_ALL))):
            self._home.commit(Commit(alerts=alerts))
            self._tell(alerts=len(alerts))
        for misses in _pieces(reversed(self._file.near_misses(limit=_ALL))):
            self._home.commit(Commit(near_misses=misses))
        for letters in _pieces(reversed(self._file.dead_letters(pending=False, limit=_ALL))):
            self._home.commit(Commit(dead_letters=[row.letter for row in letters]))
            for row in letters:
                if row.replayed_at is not None:
                    self._home.mark_replayed(row.id, at=row.replayed_at)
            self._tell(dead_letters=len(letters))
        for entries in _pieces(reversed(self._file.outbox(limit=_ALL))):
            self._home.restore(entries)
            self._tell(notifications=len(entries))

    def _brands(self, brands: Sequence[str], folds: Sequence[str], held: Mapping[str, Held]) -> None:
        for some in _pieces(brands):
            states = []
            for brand in some:
                found = {fold: state for fold in folds if (state := self._file.fold_state(fold, brand)) is not None}
                if found:
                    before = held.get(brand) or Held(state=BrandState(brand=brand))
                    states.append(replace(before, state=BrandState(brand=brand, folds=found)))
            behind = sorted(brand for brand, now in self._states.save(states).items() if now is None)
            if behind:
                raise StoreError(
                    f"another process decides for {', '.join(behind)}: stop all of them, and repeat this"
                )
            self._tell(brands=len(states))

    def _tell(self, **more: int) -> None:
        for name, count in more.items():
            setattr(self.moved, name, getattr(self.moved, name) + count)
        self._watch(self.moved)


def _known(version: str, mentions: Sequence[Mention]) -> Known:
    """A post as the cluster remembers it: mentions as they were heard, before the folds gave them a story."""
    emitted = tuple(replace(as_heard(mention), story="") for mention in mentions)
    return Known(version=version, origin=Origin(LINE, 0), month=month_of(mentions[0].post), mentions=emitted)


def _pieces(values: Iterable[T]) -> Iterator[list[T]]:
    waiting = iter(values)
    while some := list(islice(waiting, _AT_ONCE)):
        yield some
