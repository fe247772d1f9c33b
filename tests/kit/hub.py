"""Real models of transformers, made on the spot: tiny, untrained, the same at every call."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from domain.judgement import Judgeable, Judgement
from models.config import HubConfig

LABELS = {"LABEL_0": "negative", "LABEL_1": "neutral", "LABEL_2": "positive"}
POSITIONS = 66
"""What the tiny model reads at a time, and the two that the product keeps free."""

_PIECES = ["<pad>", "<unk>", "<s>", "</s>", *"abcdefghijklmnopqrstuvwxyz", *"абвгдежзийклмнопрстуфхцчшщъыьэюя"]


def tiny_model(
    folder: Path,
    *,
    labels: Sequence[str] = ("LABEL_0", "LABEL_1", "LABEL_2"),
    task: str = "SequenceClassification",
    weights: float = 0.5,
    **settings: Any,
) -> Path:
    """Save BERT for `task`, one layer of 32, with seeded weights of that deviation and a tokenizer of letters."""
    import torch
    import transformers

    torch.manual_seed(4)
    config = transformers.BertConfig(
        vocab_size=2 * len(_PIECES), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64,
        initializer_range=weights, pad_token_id=0, id2label=dict(enumerate(labels)),
        label2id={label: place for place, label in enumerate(labels)},
        **{"max_position_embeddings": POSITIONS} | settings,
    )  # fmt: skip
    getattr(transformers, f"BertFor{task}")(config).save_pretrained(folder)
    _tokenizer().save_pretrained(folder)
    return folder


def _tokenizer() -> Any:
    import transformers
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    pieces = [*_PIECES, *(f"##{piece}" for piece in _PIECES)]
    letters = Tokenizer(models.WordPiece({piece: at for at, piece in enumerate(pieces)}, unk_token="<unk>"))
    letters.normalizer = normalizers.Lowercase()
    letters.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    letters.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B:1 </s>:1", special_tokens=[("<s>", 2), ("</s>", 3)]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=letters, pad_token="<pad>", unk_token="<unk>", cls_token="<s>", sep_token="</s>"
    )


def sentiment_of(path: Path, **settings: Any) -> HubConfig:
    """The table of a model that answers sentiment."""
    return HubConfig(**{"task": "sentiment", "path": path, "labels": LABELS} | settings)


class Calm:
    """A classifier that finds every text neutral, of low urgency, of no theme; German it does not know."""

    name = "calm-1"

    def classify(self, texts: Sequence[Judgeable]) -> list[Judgement]:
        return [self._said(text) for text in texts]

    def _said(self, text: Judgeable) -> Judgement:
        if text.lang == "de":
            return Judgement(
                sentiment="unscored", urgency="unscored", theme="unscored", model=self.name, reason="no German"
            )
        return Judgement(
            sentiment="neutral", urgency="low", theme="other", model=self.name, toxicity=0.25,
            sentiment_scores={"negative": 0.1, "neutral": 0.8, "positive": 0.1},
            urgency_scores={"low": 0.9, "normal": 0.1, "high": 0.0, "critical": 0.0}, theme_scores={"other": 1.0},
        )  # fmt: skip
