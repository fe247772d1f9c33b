"""The pipeline, as one list that can be read aloud."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from domain.judgement import Classifier
from domain.query import BrandMatcher
from processors.answer import answer
from processors.classify import classify
from processors.dedupe import Dedupe
from processors.detect_language import Detector, detect_language
from processors.match import match
from processors.normalise import normalise
from processors.score import score
from tocsin.stages import Batch, Fold, Map, Stage


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What the stages are given."""

    matcher: BrandMatcher
    detector: Detector
    classifier: Classifier
    rules: Sequence[Fold[Any]]
    incidents: Fold[Any]


def pipeline(parts: Parts) -> list[Stage]:
    """From a post to the orders to notify."""
    return [
        Map("normalise", normalise),
        Map("answer", partial(answer, matcher=parts.matcher)),
        Map("match", partial(match, matcher=parts.matcher)),
        Map("detect_language", partial(detect_language, detector=parts.detector)),
        Batch("classify", partial(classify, classifier=parts.classifier)),
        Map("score", score),
        *folds(parts.rules, parts.incidents),
    ]


def folds(rules: Sequence[Fold[Any]], incidents: Fold[Any]) -> list[Fold[Any]]:
    """The part of the list that has a memory for each brand: from its mentions to the orders to notify."""
    return [Dedupe(), *rules, incidents]
