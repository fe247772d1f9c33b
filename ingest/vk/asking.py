"""Calls in bundles as large as VK takes them: smaller ones after an answer that was too much, then larger again."""

from collections.abc import Callable, Sequence

from domain.errors import SourceError
from ingest.bounded import AnswerTooLarge
from ingest.vk.api import MOST_CALLS, Call, VkApi
from ingest.vk.orders import Closed, CodeFailed, Flooded, NoSuch, QuotaReached, TimedOut
from ingest.vk.progress import Job

MOST_ITEMS = 100
"""Posts or comments that a call asks for."""

Result = tuple[Job, Call, bytes | SourceError]


class Asker:
    """Makes the calls of jobs. How much it asks for at a time is learnt anew by each process."""

    def __init__(self, api: VkApi, call_of: Callable[[Job, int], Call], *, batch: int = MOST_CALLS) -> None:
        self._api, self._call_of = api, call_of
        self._limit = self._batch = batch
        self._items = MOST_ITEMS

    def held(self, job: Job) -> float:
        """Seconds for which this job is not to be asked."""
        return 0.0 if job.ask == "end" else self._api.held(self._call_of(job, self._items))

    async def ask(self, jobs: Sequence[Job]) -> list[Result]:
        """Ask for the first of the jobs, at least one; raises what concerns them all."""
        while True:
            some = jobs[: self._batch]
            calls = [self._call_of(job, self._items) for job in some]
            try:
                answers = await self._made(calls)
            except (AnswerTooLarge, CodeFailed, TimedOut):
                if len(some) == self._items == 1:
                    raise
                if len(some) > 1:
                    self._batch = len(some) // 2
                else:
                    self._items //= 2
            except (Closed, QuotaReached):  # of `execute` itself: this token may not bundle
                self._limit = self._batch = 1
            else:
                slow = any(isinstance(answer, TimedOut) for answer in answers)
                self._items = max(self._items // 2, 1) if slow else min(self._items * 2, MOST_ITEMS)
                self._batch = min(self._batch * 2, self._limit)
                return list(zip(some, calls, answers, strict=True))

    async def _made(self, calls: list[Call]) -> list[bytes | SourceError]:
        if len(calls) > 1:
            return await self._api.execute(calls)
        try:
            return [await self._api.call(calls[0].method, **calls[0].params)]
        except (Closed, NoSuch, Flooded, QuotaReached) as error:
            return [error]
