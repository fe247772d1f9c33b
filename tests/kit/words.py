"""A judge whose answers are made of single words, so that a test knows what each of them weighs."""

import math
from collections.abc import Sequence
from typing import cast

from domain.judgement import SENTIMENTS, THEMES, URGENCIES, Judgeable, Judgement, Sentiment, Theme, Urgency

WEIGHTS = {
    "terrible": {"negative": 3.0},
    "ужасно": {"negative": 3.0},
    "жаман": {"negative": 3.0},
    "وتأخرت": {"negative": 3.0},
    "😡": {"negative": 2.0},
    "slow": {"negative": 1.0},
    "thanks": {"positive": 1.5},
    "queue": {"normal": 2.0},
    "fire": {"critical": 4.0, "safety": 4.0},
}
"""What each word adds to the logit of a label; `neutral`, `low` and `other` begin with 1."""


class WeighingJudge:
    """Adds up WEIGHTS. Counts calls and texts; without a letter, or in German, a text is unscored."""

    name = "weighing-1"

    def __init__(self) -> None:
        self.calls: list[int] = []

    def classify(self, texts: Sequence[Judgeable]) -> list[Judgement]:
        """Judge each text by its words."""
        self.calls.append(len(texts))
        return [self._judge(text) for text in texts]

    def _judge(self, asked: Judgeable) -> Judgement:
        if asked.lang == "de" or not any(map(str.isalpha, asked.text)):
            why = "the language is not known" if asked.lang == "de" else "there are no words to judge"
            return Judgement(sentiment="unscored", urgency="unscored", theme="unscored", model=self.name, reason=why)
        sentiment, urgency, theme = (_shares(asked.text, labels) for labels in (SENTIMENTS, URGENCIES, THEMES))
        return Judgement(
            sentiment=cast("Sentiment", max(sentiment, key=sentiment.__getitem__)),
            urgency=cast("Urgency", max(urgency, key=urgency.__getitem__)),
            theme=cast("Theme", max(theme, key=theme.__getitem__)),
            model=self.name,
            sentiment_scores=sentiment,
            urgency_scores=urgency,
            theme_scores=theme,
        )


def _shares(text: str, labels: Sequence[str]) -> dict[str, float]:
    logits = dict.fromkeys(labels, 0.0)
    for start in ("neutral", "low", "other"):
        if start in logits:
            logits[start] = 1.0
    for word, weights in WEIGHTS.items():
        for label, weight in weights.items():
            if label in logits:
                logits[label] += weight * text.count(word)
    total = sum(map(math.exp, logits.values()))
    return {label: round(math.exp(logit) / total, 4) for label, logit in logits.items()}
