"""What people's corrections are good for afterwards: rows to train with, and the calibration of this deployment."""

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from domain.act import Correct
from domain.correction import LABELS
from domain.judgement import TOXIC, Classifier
from domain.mention import Mention
from models.review import REVIEW_BELOW
from storage.store import MentionStore

if TYPE_CHECKING:
    from models.deployment import Deployed


class Standing(NamedTuple):
    """Corrected mentions, each once, in the order of the latest act; `over` more were edited or deleted since."""

    mentions: list[Mention]
    over: int


def standing(store: MentionStore, *, brand: str = "", since: datetime | None = None) -> Standing:
    """Find the mentions that people corrected from that time on and whose correction still holds."""
    acts = [act for act in store.acts(brand=brand, since=since, kind="correct") if isinstance(act, Correct)]
    latest = list(dict.fromkeys(act.mention for act in reversed(acts)))[::-1]
    found = [mention for mention_id in latest if (mention := store.mention(mention_id)) is not None]
    held = [mention for mention in found if mention.deleted_at is None and _is_corrected(mention)]
    return Standing(held, len(latest) - len(held))


def _is_corrected(mention: Mention) -> bool:
    return mention.judgement is not None and bool(mention.judgement.corrected_by)


def training_row(mention: Mention) -> dict[str, object] | None:
    """The mention as the judge's training reads written posts; None while a task has no label at all."""
    judgement = mention.judgement
    if judgement is None or any(getattr(judgement, task) not in labels for task, labels in LABELS.items()):
        return None
    toxic = {} if judgement.toxicity is None else {"toxic": judgement.toxicity >= TOXIC}
    return {
        "id": mention.id,
        "lang": mention.lang,
        "network": mention.post.network,
        "industry": "",
        "brand": mention.brand,
        "text": mention.post.wording,
        "sentiment": judgement.sentiment,
        "urgency": judgement.urgency,
        "theme": judgement.theme,
        **toxic,
        "hard": "",
    }


def deployed(classifier: Classifier, store: MentionStore, *, review_below: float = REVIEW_BELOW) -> "Deployed":
    """Calibrate the classifier with what people of this deployment corrected; off until that is enough."""
    from models.deployment import Deployed, fit, gather

    biases = fit(gather(standing(store).mentions, classifier))
    return Deployed(classifier, biases, review_below=review_below)
