"""Which judgements a person should look at."""

from collections.abc import Mapping

REVIEW_BELOW = 0.5
"""A sentiment or urgency whose label is less probable asks for a person."""


def doubt(scores: Mapping[str, Mapping[str, float]], *, below: float) -> str:
    """Why a person should look at these `scores` (probabilities by task and label); empty when all is sure enough.

    The theme is left out: nobody is woken, or left asleep, for it.
    """
    doubts = []
    for task in ("urgency", "sentiment"):
        label, share = max(scores.get(task, {}).items(), key=lambda pair: pair[1], default=("", 1.0))
        if share < below:
            doubts.append(f"{task} {label} is only {share:.0%} sure")
    return "; ".join(doubts)
