"""The judge: a small multilingual transformer that runs on a CPU, and the language detector before it."""

from pathlib import Path

from domain.judgement import Classifier


def load(path: Path | None = None, *, threads: int = 1) -> Classifier:
    """Open the classifier built into `path` (the product's own artefact folder when None).

    `threads` work inside one call of `classify`. ModelError names the command that builds a missing or changed file.
    """
    from models.classifier import Judge  # numpy, onnxruntime and tokenizers are loaded only when judging

    return Judge.open(path, threads=threads)
