"""Judging: texts a second on one thread and on two, one text's time, start, memory, language detection.

Every text is new to the judge, tokenising included; batches hold 1,024 texts, as many as `tocsin classify` takes. A
fifth of the posts written for training are the texts. Beside it, in the same run and on the same texts: the bare loop
of `session.run`, and, where PyTorch is installed, all twelve layers in float32 by `transformers`.
`python -m tests.bench.bench_classify [--json]`
"""

import argparse
import json
import time
from importlib.util import find_spec
from itertools import groupby

import psutil

from domain.judgement import SUPPORTED_LANGUAGES, Classifier, Judgeable

BATCH = 1024
ROUNDS = 5
SINGLE = 200


def measure() -> dict[str, float]:
    """Open the judge, then judge all texts on one and on two threads; the fastest round counts."""
    process = psutil.Process()
    resident = process.memory_info().rss
    began = time.perf_counter()
    import models

    judge = models.load()
    started = time.perf_counter() - began
    texts = _texts()
    _round(judge, texts)
    memory = process.memory_info().rss - resident
    # Turn and turn about, so that a busy moment of the machine does not fall on one of them alone.
    pairs = [(_round(models.load(), texts), _bare(texts)) for _ in range(ROUNDS)]
    figures = {
        "texts": len(texts),
        "mean_characters": round(sum(len(one.text) for one in texts) / len(texts), 1),
        "start_seconds": round(started, 2),
        "memory_mb": round(memory / 1e6),
        "texts_per_second_1": round(max(ours for ours, _ in pairs)),
        "bare_texts_per_second": round(max(bare for _, bare in pairs)),
        "texts_per_second_2": round(max(_round(models.load(threads=2), texts) for _ in range(ROUNDS))),
    }
    singles = sorted(_single(models.load(), texts[:SINGLE]))
    figures |= {
        "one_text_p50_ms": round(1000 * singles[SINGLE // 2], 2),
        "one_text_p99_ms": round(1000 * singles[int(SINGLE * 0.99)], 2),
        "languages_per_second": round(max(_languages(texts) for _ in range(ROUNDS))),
    }
    figures["share_of_bare"] = round(figures["texts_per_second_1"] / figures["bare_texts_per_second"], 2)
    if find_spec("torch") and find_spec("transformers"):
        figures["torch_texts_per_second"] = round(max(_torch(texts) for _ in range(2)), 1)
        figures["times_torch"] = round(figures["texts_per_second_1"] / figures["torch_texts_per_second"], 1)
    return figures


def _texts() -> list[Judgeable]:
    from models.training.corpus import WRITTEN, written

    rows = [row for lang in SUPPORTED_LANGUAGES for row in written(WRITTEN / f"{lang}.jsonl")[::5]]
    return [Judgeable(row.text, "", row.lang) for row in rows]


def _round(judge: Classifier, texts: list[Judgeable]) -> float:
    judge.classify([Judgeable("warm up", "", "en")])
    began = time.perf_counter()
    for start in range(0, len(texts), BATCH):
        judge.classify(texts[start : start + BATCH])
    return len(texts) / (time.perf_counter() - began)


def _runs(texts: list[Judgeable]) -> list[list[list[int]]]:
    """The texts in tokens, sorted, in runs of eight of equal length."""
    from tokenizers import Tokenizer

    from models import bundle
    from models.text import prepare

    tokenizer = Tokenizer.from_file(str(bundle.DEFAULT / bundle.TOKENIZER))
    ids = sorted((tokenizer.encode(prepare(text.text)).ids[: bundle.MAX_TOKENS] for text in texts), key=len)
    runs = []
    for _, same in groupby(ids, key=len):
        group = list(same)
        runs += [group[start : start + 8] for start in range(0, len(group), 8)]
    return runs


def _bare(texts: list[Judgeable]) -> float:
    import numpy as np

    from models import bundle
    from models.onnx import opened

    session = opened(bundle.DEFAULT / bundle.NETWORK)
    runs = [np.array(run) for run in _runs(texts)]
    began = time.perf_counter()
    for run in runs:
        session.run(None, {"input_ids": run})
    return len(texts) / (time.perf_counter() - began)


def _torch(texts: list[Judgeable]) -> float:
    """Twelve layers of the same width in float32, weights as they come: speed does not depend on them."""
    import torch
    from transformers import AutoConfig, AutoModel

    from models import bundle

    torch.set_num_threads(1)
    config = AutoConfig.from_pretrained(bundle.DEFAULT)
    config.num_hidden_layers = 12
    network = AutoModel.from_config(config).eval()
    runs = [torch.tensor(run) for run in _runs(texts)]
    began = time.perf_counter()
    with torch.inference_mode():
        for run in runs:
            network(run)
    return len(texts) / (time.perf_counter() - began)


def _single(judge: Classifier, texts: list[Judgeable]) -> list[float]:
    times = []
    for text in texts:
        began = time.perf_counter()
        judge.classify([text])
        times.append(time.perf_counter() - began)
    return times


def _languages(texts: list[Judgeable]) -> float:
    from models.language import LanguageDetector

    detector = LanguageDetector()
    began = time.perf_counter()
    for text in texts:
        detector.detect(text.text)
    return len(texts) / (time.perf_counter() - began)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="Speed, start and memory of the judge.")
    parser.add_argument("--json", action="store_true")
    figures = measure()
    if parser.parse_args().json:
        print(json.dumps(figures))
        return
    print(f"classify: {figures['texts']} different texts of {figures['mean_characters']} characters, five languages")
    print(
        f"  1 thread {figures['texts_per_second_1']:>5} texts/s, 2 threads {figures['texts_per_second_2']:>5} texts/s"
    )
    print(f"  {figures['share_of_bare']} of the bare session.run loop ({figures['bare_texts_per_second']} texts/s)")
    if "times_torch" in figures:
        print(
            f"  {figures['times_torch']} times transformers in float32 ({figures['torch_texts_per_second']} texts/s)"
        )
    print(f"  one text {figures['one_text_p50_ms']} ms (p99 {figures['one_text_p99_ms']} ms)")
    print(f"  start {figures['start_seconds']} s, {figures['memory_mb']} MB resident")
    print(f"  language detection {figures['languages_per_second']:,} texts/s")


if __name__ == "__main__":
    main()
