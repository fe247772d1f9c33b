"""Why a text was judged as it was: which of its words weighed how much."""

from msgspec import Struct


class WordWeight(Struct, frozen=True, kw_only=True):
    """A word of the text and what it contributed: `weight` is the drop of the label's probability without the word.

    `start` and `end` count characters (code points) of the explained text, half-open. A negative weight speaks
    against the label. An emoji or an emoticon is a word, too.
    """

    start: int
    end: int
    word: str
    weight: float


class TaskExplanation(Struct, frozen=True, kw_only=True):
    """The label chosen for one task, its probability, and the words that were weighed, heaviest first."""

    label: str
    probability: float
    words: tuple[WordWeight, ...]


class Explanation(Struct, frozen=True, kw_only=True):
    """What `model` says of `text` now, by task (sentiment, urgency, theme), with the weight of its words.

    Of a long text only the words of its heaviest passages are weighed. Where nothing was, `reason` says why.
    """

    text: str
    brand: str
    lang: str
    model: str
    tasks: dict[str, TaskExplanation]
    reason: str = ""
