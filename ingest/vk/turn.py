"""One fetch in the making: the posts that are new or changed, and the progress that goes with them."""

from collections.abc import Iterable
from datetime import datetime

from domain.dead_letter import DeadLetter
from domain.post import Origin, Record
from ingest.recent import Seen, remembered, seen
from ingest.vk.parse import gone, refused
from ingest.vk.progress import MOST_REMEMBERED, MOST_TALKS, Job, Progress

_REFUSED = "refused:"
_SHORT = 12


class Turn:
    """What a fetch has brought so far; `progress` is changed in step with it."""

    def __init__(self, progress: Progress, *, source: str, at: datetime, origin: Origin) -> None:
        self.progress, self.source, self.at, self.origin = progress, source, at, origin
        self.now = int(at.timestamp())
        self.records: list[Record] = []
        self.letters: list[DeadLetter] = []
        self.troubles: list[str] = []

    @property
    def empty(self) -> bool:
        """Whether there is nothing to hand on."""
        return not (self.records or self.letters or self.troubles)

    def offer(self, read: Record | DeadLetter | None, native_id: str, *, new: bool, counters: bool) -> bool:
        """Give a post that is `new`, or remembered in another version (with `counters`: or with other counters).

        None is a post without words: if it had some, it counts as gone. Returns whether it was given.
        """
        known = self.progress.recent.get(native_id)
        if isinstance(read, DeadLetter):
            return (new or known is not None) and self.refuse(read)
        if read is None:
            return known is not None and self._lost([native_id], b"")
        if read.post.deleted:
            return self.lose(native_id, raw=read.raw)
        looks = seen(read.post)
        changed = known is not None and (known.version != looks.version or (counters and known != looks))
        if not (changed or (known is None and new)):
            return False
        self.progress.recent[native_id] = looks
        self.records.append(read)
        return True

    def lose(self, native_id: str, *, raw: bytes = b"") -> bool:
        """Say that a post is gone, and the comments under it, as far as they were given."""
        recent = self.progress.recent
        names = [name for name in recent if name.startswith(f"{native_id}_r")]
        return self._lost(names + ([native_id] if native_id in recent else []), raw)

    def _lost(self, names: list[str], raw: bytes) -> bool:
        for name in names:
            del self.progress.recent[name]
            self.records.append(gone(name, source=self.source, at=self.at, raw=raw))
        return bool(names)

    def refuse(self, letter: DeadLetter) -> bool:
        """Hand a dead letter on, once."""
        key = _REFUSED + letter.id[:_SHORT]
        known = key in self.progress.recent
        self.progress.recent[key] = Seen(self.now, "", "")
        if not known:
            self.letters.append(letter)
        return not known

    def refuse_job(self, job: Job, where: str, reason: str, detail: str) -> None:
        """Hand on that something could not be asked for."""
        raw = f"{job.ask} {where}".encode()
        self.refuse(refused(reason, detail, raw, source=self.source, at=self.at, stage="fetch", where=where))

    def replace(self, job: Job, following: Iterable[Job] = ()) -> None:
        """Put what follows from a job in its place."""
        place = next(n for n, one in enumerate(self.progress.jobs) if one is job)
        self.progress.jobs[place : place + 1] = following

    def forget(self, since: datetime) -> None:
        """Drop what is too old to be looked at again, and what is too much to be remembered."""
        progress = self.progress
        progress.recent = remembered(progress.recent, (), since=since, most=MOST_REMEMBERED)
        horizon = int(since.timestamp())
        latest = sorted(((talk.at, key) for key, talk in progress.talks.items() if talk.at >= horizon), reverse=True)
        progress.talks = {key: progress.talks[key] for _, key in latest[:MOST_TALKS]}
