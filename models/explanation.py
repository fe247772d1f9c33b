"""Which words weighed most in a judgement: each is left out in turn, and the label's probability drops by its weight.

This asks the classifier again and again, so it is done for a text that somebody looks at, never in the pipeline. It
works with any classifier, and the same text always gets the same answer. A word that is said twice may weigh little,
because the other one still stands there.
"""

import re
from collections.abc import Sequence
from itertools import pairwise

from domain.explanation import Explanation, TaskExplanation, WordWeight
from domain.judgement import SENTIMENTS, THEMES, URGENCIES, Classifier, Judgeable, Judgement
from models.text import beginning

PIECES = 64
"""Texts asked in one round: a text of up to so many words takes one round, one as long as is read at all three."""

HEAVIEST = 8
"""Groups of words that are looked into in the next round."""

_CHANCE = {"sentiment": 1 / len(SENTIMENTS), "urgency": 1 / len(URGENCIES), "theme": 1 / len(THEMES)}
"""What is left of a label's probability when the text without the word cannot be judged."""

_DECIMALS = 4
# Vowel signs, accents, joiners and selectors belong to the letter before them; \w does not know them.
_MARK = "\u00ad\u0300-\u036f\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u200b-\u200f\u20e3\ufe0f"
_LETTERS = rf"\w[\w{_MARK}]*"
_EMOJI = "\u2190-\u21ff\u2300-\u23ff\u25a0-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff"
_WORD = re.compile(
    r"(?:https?://|www\.)\S+"
    rf"|[@#]?{_LETTERS}(?:(?:['’ʼ‐-]|(?<=\d)[.,](?=\d)){_LETTERS})*"
    rf"|[{_EMOJI}][{_EMOJI}{_MARK}\U000e0020-\U000e007f]*"
    r"|[:;=][-']?[()\[\]DPp/|]+|[()]{2,}|[!?]{2,}",
    re.IGNORECASE,
)


def explain(asked: Judgeable, *, classifier: Classifier) -> Explanation:
    """Judge a text with and without its words; blocking, at most four calls of up to `PIECES` + 1 texts.

    Only the beginning that the judge reads is looked at.
    """
    text = beginning(asked.text)
    occlusion = _Occlusion(text, asked, classifier)
    weights = occlusion.weigh()
    whole = occlusion.whole
    tasks = {
        task: TaskExplanation(label=label, probability=_share(whole, task, label), words=_sorted(weights[task]))
        for task, label in _labels(whole).items()
    }
    reason = "" if occlusion.words else "there are no words to leave out"
    return Explanation(
        text=text, brand=asked.brand, lang=asked.lang, model=whole.model, tasks=tasks, reason=whole.reason or reason
    )


class _Occlusion:
    """Finds the words that matter: all of them in turn, or groups first and then the words of the heaviest."""

    def __init__(self, text: str, asked: Judgeable, classifier: Classifier) -> None:
        self.words = [found.span() for found in _WORD.finditer(text)]
        self._text, self._asked, self._classifier = text, asked, classifier
        (self.whole,) = classifier.classify([self._judgeable(text)])

    def weigh(self) -> dict[str, list[WordWeight]]:
        """The weight of single words, by task."""
        labels = _labels(self.whole)
        found: dict[str, list[WordWeight]] = {task: [] for task in labels}
        pieces = _split(range(len(self.words)), PIECES) if labels else []
        while pieces:
            drops = self._drops(pieces, labels)
            for place, piece in enumerate(pieces):
                if len(piece) == 1:
                    for task in labels:
                        found[task].append(self._word(piece[0], drops[task][place]))
            groups = [place for place, piece in enumerate(pieces) if len(piece) > 1]
            pieces = [
                part for place in _heaviest(groups, drops) for part in _split(pieces[place], PIECES // HEAVIEST)
            ]
        return found

    def _drops(self, pieces: Sequence[range], labels: dict[str, str]) -> dict[str, list[float]]:
        """By how much each task's probability falls without each piece."""
        answers = self._classifier.classify([self._judgeable(self._without(piece)) for piece in pieces])
        return {
            task: [_share(self.whole, task, label) - _share(answer, task, label) for answer in answers]
            for task, label in labels.items()
        }

    def _without(self, piece: range) -> str:
        start, end = self.words[piece[0]][0], self.words[piece[-1]][1]
        return f"{self._text[:start]} {self._text[end:]}"

    def _judgeable(self, text: str) -> Judgeable:
        # The language is that of the whole text: a word less must not change how it is read.
        return Judgeable(text, self._asked.brand, self._asked.lang)

    def _word(self, place: int, drop: float) -> WordWeight:
        start, end = self.words[place]
        return WordWeight(start=start, end=end, word=self._text[start:end], weight=round(drop, _DECIMALS))


def _split(words: range, parts: int) -> list[range]:
    """At most `parts` pieces of neighbours, as equal as can be, none of them empty."""
    count = min(parts, len(words))
    cuts = [len(words) * cut // count for cut in range(count + 1)] if count else []
    return [words[start:end] for start, end in pairwise(cuts)]


def _heaviest(groups: Sequence[int], drops: dict[str, list[float]]) -> list[int]:
    """The places of HEAVIEST groups: each task's heaviest in turn, so that none is drowned by another."""
    ranked = [[place for _, place in sorted((-of[place], place) for place in groups)] for of in drops.values()]
    in_turn = dict.fromkeys(place for turn in zip(*ranked, strict=True) for place in turn)
    return sorted(list(in_turn)[:HEAVIEST])


def _labels(judgement: Judgement) -> dict[str, str]:
    """The tasks that were answered, with their labels."""
    said = {"sentiment": judgement.sentiment, "urgency": judgement.urgency, "theme": judgement.theme}
    return {task: label for task, label in said.items() if label != "unscored"}


def _share(judgement: Judgement, task: str, label: str) -> float:
    scores = {
        "sentiment": judgement.sentiment_scores,
        "urgency": judgement.urgency_scores,
        "theme": judgement.theme_scores,
    }[task]
    return scores.get(label, _CHANCE[task] if not scores else 0.0)


def _sorted(words: Sequence[WordWeight]) -> tuple[WordWeight, ...]:
    return tuple(sorted(words, key=lambda word: (-word.weight, word.start)))
