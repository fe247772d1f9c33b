"""What rules about single mentions remember, bounded: stories told, what is cooling down, near misses recorded."""

from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from alerting.evidence import witness
from domain.alert import Witness
from domain.mention import Mention

MOST_STORIES = 256
MOST_KEYS = 64
STORY_LIFE = timedelta(hours=24)
MISS_EVERY = timedelta(hours=1)
MOST_VOICES = 16
VOICES_WITHIN = timedelta(hours=2)


class Voice(Struct, frozen=True, kw_only=True):
    """A post that was not enough alone, and whose it was."""

    author: str
    post: Witness


class Memory(Struct, frozen=True, kw_only=True):
    """Oldest first. `now` is the latest time heard of; `stories`, `fired` and `missed` say when each last was.

    `voices` are posts of the last two hours that wait for another author to say the like.
    """

    now: datetime | None = None
    stories: dict[str, datetime] = {}
    fired: dict[str, datetime] = {}
    missed: dict[str, datetime] = {}
    voices: tuple[Voice, ...] = ()

    def at(self, moment: datetime) -> "Memory":
        """The memory at least at that time."""
        return replace(self, now=max(self.now or moment, moment))

    def knows(self, mention: Mention) -> bool:
        """Whether the story was told."""
        return story_of(mention) in self.stories

    def too_old(self, mention: Mention) -> bool:
        """Whether it is a day behind the latest heard: stories of that time are forgotten already."""
        return self.now is not None and self.now - mention.event_at >= STORY_LIFE

    def told(self, mention: Mention) -> "Memory":
        """The story is known from now on: for a day, or until 256 newer ones were told."""
        now = self.now or mention.event_at
        young = {story: at for story, at in self.stories.items() if now - at < STORY_LIFE}
        return replace(self, stories=_newest({**young, story_of(mention): now}, MOST_STORIES))

    def joined_by(self, mention: Mention) -> "Memory":
        """One more voice; those of other times than two hours around it, and all but the latest 16, are forgotten."""
        near = [one for one in self.voices if abs(one.post.at - mention.event_at) < VOICES_WITHIN]
        voice = Voice(author=_author_of(mention), post=witness(mention))
        return replace(self, voices=(*near, voice)[-MOST_VOICES:])

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


def _author_of(mention: Mention) -> str:
    author = mention.post.author
    return mention.post.account if author.handle or author.id else story_of(mention)


def _newest(times: dict[str, datetime], most: int) -> dict[str, datetime]:
    surplus = len(times) - most
    return dict(list(times.items())[surplus:]) if surplus > 0 else times
