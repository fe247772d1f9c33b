"""Which language a mention is written in."""

from typing import Protocol

import msgspec

from domain.mention import Mention


class Detector(Protocol):
    """Answers for one text; `claimed` is what the network says of it."""

    def detect(self, text: str, *, claimed: str = "") -> tuple[str, float]:
        """The ISO 639 code and a confidence in [0, 1]; `("und", 0.0)` when there is nothing to go by."""
        ...


def detect_language(mention: Mention, *, detector: Detector) -> list[Mention]:
    """The mention with `lang` and `lang_confidence` set. A deletion carries no text and passes as it is."""
    post = mention.post
    if post.deleted:
        return [mention]
    lang, confidence = detector.detect(post.wording, claimed=post.lang)
    return [msgspec.structs.replace(mention, lang=lang, lang_confidence=round(confidence, 4))]
