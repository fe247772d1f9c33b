"""The judge: a small multilingual transformer that runs on a CPU, and the language detector before it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from domain.judgement import Classifier
from models.review import REVIEW_BELOW

if TYPE_CHECKING:
    from models.config import HubConfig


def load(
    path: Path | None = None,
    *,
    threads: int = 1,
    review_below: float = REVIEW_BELOW,
    hub: Sequence["HubConfig"] = (),
) -> Classifier:
    """Open the classifier built into `path` (the product's own artefact folder when None).

    `threads` work inside one call of `classify`. A judgement whose label is less probable than `review_below` asks
    for review. Each of `hub` answers its task instead of that classifier. ModelError and ConfigError say what is
    missing, changed or does not fit, and what to do.
    """
    from models.classifier import Judge  # numpy, onnxruntime and tokenizers are loaded only when judging

    judge = Judge.open(path, threads=threads, review_below=review_below)
    if not hub:
        return judge
    from models.hub import HubModel  # torch and transformers, only for whom asks for them
    from models.layered import LayeredJudge

    layers = [HubModel.open(one, key=f"model.hub[{number}]", threads=threads) for number, one in enumerate(hub)]
    return LayeredJudge(judge, layers, review_below=review_below)
