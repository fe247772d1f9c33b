"""What rules about single mentions remember, bounded: stories told, what is cooling down, near misses recorded."""

from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from domain.mention import Mention

MOST_STORIES = 256
MOST_KEYS = 64
STORY_LIFE = timedelta(hours=24)
MISS_EVERY = timedelta(hours=1)


class Memory(Struct, frozen=True, kw_only=True):
    """Oldest first. `now` is the latest time heard of; `stories`, `fired` and `missed` say when each last was."""

    now: datetime | None = None
    stories: dict[str, datetime] = {}
    fired: dict[str, datetime] = {}
    missed: dict[str, datetime] = {}

    def at(self, moment: datetime) -> "Memory":
        """The memory at least at that time."""
        return replace(self, now=max(self.now or moment, moment))

    def knows(self, mention: Mention) -> bool:
        """Whether the story was told."""
        return story_of(mention) in self.stories

    def too_old(self, mention: Mention) -> bool:
        """Whether stories of that time are forgotten already."""
        return self.now is not None and self.now - mention.event_at >= STORY_LIFE

    def told(self, mention: Mention) -> "Memory":
        """The story is known from now on: for a day, or until 256 newer ones were told."""
        now = self.now or mention.event_at
        young = {story: at for story, at in self.stories.items() if now - at < STORY_LIFE}
        return replace(self, stories=_newest({**young, story_of(mention): now}, MOST_STORIES))

    def cooling(self, key: str, at: datetime, cool_down: timedelta) -> bool:
        """Whether it rang for `key` less than `cool_down` before `at`."""
        fired = self.fired.get(key)
        return fired is not None and at - fired < cool_down

    def rang(self, key: str, at: datetime) -> "Memory":
        """It rings for `key` now."""
        others = {known: when for known, when in self.fired.items() if known != key}
        return replace(self, fired=_newest({**others, key: at}, MOST_KEYS))

    def missing(self, code: str, at: datetime) -> "Memory | None":
        """The memory with one more near miss, or None if one with that code was recorded within the hour."""
        missed = self.missed.get(code)
        if missed is not None and at - missed < MISS_EVERY:
            return None
        return replace(self, missed=_newest({**self.missed, code: at}, MOST_KEYS))


def story_of(mention: Mention) -> str:
    """The story a mention tells; its own if nobody found another."""
    return mention.story or mention.id


def _newest(times: dict[str, datetime], most: int) -> dict[str, datetime]:
    surplus = len(times) - most
    return dict(list(times.items())[surplus:]) if surplus > 0 else times
