"""The rules of the Streaming API: made of the brands' queries, and kept in step with what VK holds.

VK reads words without quotes in all their forms and in any case; in quotes it wants the very form and case. A rule is
to bring all that a query could match, so words go without quotes here; what comes too much is left to the matcher.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from domain.brand import Brand
from domain.errors import RetryLater
from domain.ids import stable_id
from domain.query import phrases

MOST_RULES, MOST_WORDS, LONGEST_VALUE = 300, 100, 4096
PREFIX = "tocsin:"
"""Begins the tags of our rules. Rules with other tags are somebody else's and are left alone."""

A_WALK = 10
"""Rules changed in one go: VK is asked three times a second, and a fetch is short."""

_TAG_CHARACTERS = 24


class Rule(Struct, frozen=True):
    """Words that must all be there, and the name under which VK keeps them."""

    value: str
    tag: str


class Keeper(Protocol):
    """Where rules are kept. What is there already, or gone already, is no error."""

    async def add(self, rule: Rule) -> None:
        """Listen for a rule; raises RuleRefused where it is not taken."""
        ...

    async def drop(self, tag: str) -> None:
        """Listen for it no more."""
        ...


class RuleRefused(RetryLater):
    """A rule is not taken, and would not be if it was offered again. `full` says that no other would be either."""

    def __init__(self, message: str, *, full: bool) -> None:
        super().__init__(message)
        self.full = full


def rules(brands: Iterable[Brand], queries: Iterable[str] = ()) -> list[Rule]:
    """Make a rule of each phrase of each brand and of each of `queries`, which are in VK's own words.

    A rule that asks for all that another one asks for, and more, is left out: the other brings it too.
    """
    asked = [_trimmed(phrase.plain().replace('"', " ")) for brand in brands for phrase in phrases(brand)]
    own = [_trimmed(query, spoken=True) for query in queries]
    values = dict.fromkeys(value for value in [*own, *_without_wider(asked)] if value)
    return [Rule(value, PREFIX + stable_id(value)[:_TAG_CHARACTERS]) for value in values]


class Steps:
    """What is left to do until VK holds the wanted rules: first take back those of ours that are stale, then add.

    `held` are VK's rules as values by tag. Ours are known by the tag alone: VK may write values in its own way.
    """

    def __init__(self, wanted: Sequence[Rule], held: Mapping[str, str]) -> None:
        foreign = sum(not tag.startswith(PREFIX) for tag in held)
        fitting = wanted[: max(MOST_RULES - foreign, 0)]
        tags = {rule.tag for rule in fitting}
        self._stale = [tag for tag in held if tag.startswith(PREFIX) and tag not in tags]
        self._missing = [rule for rule in fitting if rule.tag not in held]
        self._untold = len(wanted) - len(fitting)

    async def walk(self, keeper: Keeper, *, most: int = A_WALK) -> list[str]:
        """Take the next steps; say what is not listened for. Cancelled, it goes on where it was."""
        troubles = []
        for _ in range(most):
            if self._stale:
                await keeper.drop(self._stale[0])
                del self._stale[0]
            elif self._missing:
                troubles += await self._add(keeper, self._missing[0])
        if self._untold and not self._missing:
            troubles.append(f"VK takes {MOST_RULES} rules: {self._untold} phrases of the brands are not listened for")
            self._untold = 0
        return troubles

    async def _add(self, keeper: Keeper, rule: Rule) -> list[str]:
        try:
            await keeper.add(rule)
        except RuleRefused as no:
            if no.full:
                self._untold += len(self._missing)
                self._missing.clear()
                return []
            del self._missing[0]
            return [f"the words {rule.value[:80]!r} are not listened for: {no}"]
        del self._missing[0]
        return []


def _trimmed(text: str, *, spoken: bool = False) -> str:
    """What VK takes of a rule; with fewer words it hears more. `spoken` keeps minus words and quotes."""
    words = text.split()
    if not spoken:
        words = [word for word in (word.lstrip("-") for word in words) if word]
    words = words[:MOST_WORDS]
    while len(" ".join(words).encode("utf-8", "replace")) > LONGEST_VALUE:
        words.pop()
    return "" if all(word.startswith("-") for word in words) else " ".join(words)


def _without_wider(values: Iterable[str]) -> list[str]:
    """Leave out those whose words include all the words of another one."""
    by_words = {frozenset(value.casefold().split()): value for value in reversed(list(values)) if value}
    by_one_word: defaultdict[str, list[frozenset[str]]] = defaultdict(list)
    for words in by_words:
        by_one_word[min(words)].append(words)
    return [
        value
        for words, value in reversed(by_words.items())
        if not any(other < words for word in words for other in by_one_word.get(word, ()))
    ]
