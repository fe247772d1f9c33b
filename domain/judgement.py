"""What the classifier says of a mention, and the protocol every classifier fulfils."""

from collections.abc import Sequence
from typing import Literal, Protocol

from msgspec import Struct

Sentiment = Literal["negative", "neutral", "positive", "unscored"]
Urgency = Literal["low", "normal", "high", "critical", "unscored"]
Theme = Literal[
    "outage", "safety", "fraud_security", "legal", "staff", "delivery", "product_quality", "price_billing",
    "support", "marketing_pr", "question", "praise", "spam", "other", "unscored",
]  # fmt: skip

SENTIMENTS: tuple[Sentiment, ...] = ("negative", "neutral", "positive")
URGENCIES: tuple[Urgency, ...] = ("low", "normal", "high", "critical")
THEMES: tuple[Theme, ...] = (
    "outage", "safety", "fraud_security", "legal", "staff", "delivery", "product_quality", "price_billing",
    "support", "marketing_pr", "question", "praise", "spam", "other",
)  # fmt: skip
SUPPORTED_LANGUAGES = ("ru", "kk", "cs", "ar", "en")
TOXIC = 0.5
"""From this probability on a text is called toxic."""


class Judgement(Struct, frozen=True, kw_only=True):
    """Sentiment toward the brand, urgency and theme, each with its probabilities (they sum to 1).

    An unsupported language or an empty text is `unscored` with empty scores and a `reason`, never a guess.
    `toxicity` is the probability that the text insults, threatens or degrades, None where nobody judged that.
    `review` says why a person should look, empty when the model is sure enough. After a person's correction
    `corrected_by` names them and `model_said` keeps the model's own labels by task; the scores stay the model's.
    """

    sentiment: Sentiment
    urgency: Urgency
    theme: Theme
    model: str
    sentiment_scores: dict[str, float] = {}
    urgency_scores: dict[str, float] = {}
    theme_scores: dict[str, float] = {}
    toxicity: float | None = None
    review: str = ""
    reason: str = ""
    corrected_by: str = ""
    model_said: dict[str, str] = {}


class Judgeable(Struct, frozen=True):
    """One text to judge: the brand may be empty, the language is an ISO 639-1 code or `und`."""

    text: str
    brand: str = ""
    lang: str = "und"


class Classifier(Protocol):
    """Judges texts. Same length and order out as in; an answer never depends on the rest of the batch."""

    @property
    def name(self) -> str:
        """Model and version, stored with every judgement."""
        ...

    def classify(self, texts: Sequence[Judgeable]) -> list[Judgement]:
        """Judge each text; blocking and CPU-bound, so the runtime calls it in a thread."""
        ...
