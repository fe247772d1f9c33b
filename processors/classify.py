"""What the model says of mentions, a batch at a time."""

from collections.abc import Sequence

import msgspec

from domain.judgement import Classifier, Judgeable
from domain.mention import Mention


def question(mention: Mention) -> Judgeable:
    """What the model is asked about a mention."""
    return Judgeable(mention.post.wording, mention.brand, mention.lang)


def classify(mentions: Sequence[Mention], *, classifier: Classifier) -> list[Mention]:
    """The mentions with `judgement` set, same length and order. Deletions have no text and pass as they are."""
    judged = [mention for mention in mentions if not mention.post.deleted]
    answers = iter(classifier.classify([question(mention) for mention in judged]))
    return [
        mention if mention.post.deleted else msgspec.structs.replace(mention, judgement=next(answers))
        for mention in mentions
    ]
