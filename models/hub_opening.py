"""Finding, loading and checking a model of Hugging Face: the one module that imports transformers and torch."""

import hashlib
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from domain.errors import ConfigError, ModelError
from models.config import LABELS, HubConfig
from models.pretrained import BRAND_TOKENS, Pretrained

LONGEST = 512
"""Tokens read at a time at most, also by a model that could read more: time grows faster than the length."""

_KEPT_FREE = 2  # models of the RoBERTa family count positions from two
_SHORTEST = 2 * BRAND_TOKENS
_HEAD = "ForSequenceClassification"
_TRIAL = "Tocsin reads this to see whether the model answers."


def pretrained(config: HubConfig, key: str) -> Pretrained:
    """Open what `config` names, a table at `key`; ModelError and ConfigError say what is wrong with it."""
    try:
        import torch
        import transformers
    except ImportError as absent:
        raise ModelError(
            f"{key} needs the Python package {absent.name}: pip install 'tocsin[hub]', or take the table out"
        ) from None
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    if config.path and not (config.path / "config.json").is_file():
        raise ModelError(f"{key}.path: there is no model in {config.path}: it is a folder with a config.json")
    place, where = _where(config)
    with _named(key, config):
        settings = transformers.AutoConfig.from_pretrained(place, **where)
    _chooses_one_label(settings, key, config)
    labels = _labels(config, settings.id2label, key)
    with _named(key, config):
        tokenizer = transformers.AutoTokenizer.from_pretrained(place, **where)
        network, loaded = transformers.AutoModelForSequenceClassification.from_pretrained(
            place, config=settings, dtype=torch.float32, output_loading_info=True, **where
        )
    _is_whole(loaded, key, config)
    if len(tokenizer) > (known := network.get_input_embeddings().num_embeddings):
        raise ModelError(f"{key}: {config.place} has {len(tokenizer)} tokens, but its weights know only {known}")
    opened = Pretrained(
        tokenizer, network.eval(), labels=labels, longest=_longest(settings, tokenizer, key, config),
        name=f"{config.path.absolute().name if config.path else config.id}@{_fingerprint(network)}", torch=torch,
    )  # fmt: skip
    with _named(key, config):
        shares = opened.shares(opened.windows(_TRIAL, "Tocsin" if config.brand == "pair" else "")[0])
    if not all(map(math.isfinite, shares)):
        raise ModelError(f"{key}: {config.place} answers with what is no number: take another, or repair its weights")
    return opened


def _where(config: HubConfig) -> tuple[str, dict[str, Any]]:
    """Name and options for `from_pretrained`; code that lies beside a model is never run."""
    if config.path:
        return str(config.path), {"local_files_only": True, "trust_remote_code": False}
    return str(config.id), {"revision": config.revision, "trust_remote_code": False}


@contextmanager
def _named(key: str, config: HubConfig) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # transformers lets through whatever any library under it raises
        said = " ".join(str(error).split())[:400]
        raise ModelError(f"{key}: {config.place} cannot be opened: {said or type(error).__name__}") from error


def _chooses_one_label(settings: Any, key: str, config: HubConfig) -> None:
    made_for = next(iter(settings.architectures or ()), _HEAD)
    if not made_for.endswith(_HEAD):
        raise ModelError(
            f"{key}: {config.place} is a {made_for}, which does not classify texts: take a model that ends in {_HEAD}"
        )
    wrong = {
        "regression": "answers with a number, not with labels",
        "multi_label_classification": "gives any number of labels to a text",
    }.get("regression" if settings.num_labels == 1 else settings.problem_type or "")
    if wrong:
        raise ModelError(f"{key}: {config.place} {wrong}: take a model that chooses one of several labels")


def _labels(config: HubConfig, of_model: Mapping[int, str], key: str) -> list[str]:
    """The task's label of each output of the model; ConfigError names every label without one."""
    known, outputs = LABELS[config.task], [of_model[place] for place in sorted(of_model)]
    meant = config.labels or {label: label.lower() for label in outputs if label.lower() in known}
    problems = [
        f"{key}.labels.{label}: {config.place} has no such label: it has {', '.join(outputs)}"
        for label in meant
        if label not in outputs
    ]
    unmapped = [label for label in outputs if label not in meant]
    if unmapped:
        problems.append(
            f"{key}.labels: what {', '.join(unmapped)} of {config.place} means is not said: "
            f'add "{unmapped[0]}" = ..., one of {", ".join(known)}'
        )
    if problems:
        raise ConfigError(problems)
    return [meant[label] for label in outputs]


def _is_whole(loaded: Mapping[str, Any], key: str, config: HubConfig) -> None:
    missing = sorted(loaded["missing_keys"])
    if missing:
        raise ModelError(
            f"{key}: the weights of {config.place} lack {missing[0]}"
            f"{f' and {len(missing) - 1} more' if len(missing) > 1 else ''}, so it was never trained to classify: "
            "take a model that was"
        )


def _longest(settings: Any, tokenizer: Any, key: str, config: HubConfig) -> int:
    if not tokenizer.is_fast:
        raise ModelError(f"{key}: {config.place} has no tokenizer.json: save its tokenizer as a fast one")
    positions = getattr(settings, "max_position_embeddings", None) or 0
    longest = min(LONGEST, tokenizer.model_max_length, positions - _KEPT_FREE if positions > 0 else LONGEST)
    if longest < _SHORTEST:
        raise ModelError(f"{key}: {config.place} reads only {longest} tokens at a time: {_SHORTEST} are needed")
    return int(longest)


def _fingerprint(network: Any) -> str:
    """Eight digits that change with the weights."""
    digest = hashlib.sha256()
    for name, weights in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(weights.numpy()).data)
    return digest.hexdigest()[:8]
