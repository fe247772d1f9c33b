"""Judging: texts a second on one thread and on two, one text's time, start, memory, language detection.

Every text is new to the judge, tokenising included; batches hold 64 texts. A fifth of the posts written for
training are the texts. `python -m tests.bench.bench_classify [--json]`
"""

import argparse
import json
import time

import psutil

from domain.judgement import SUPPORTED_LANGUAGES, Classifier, Judgeable

BATCH = 64
ROUNDS = 3
SINGLE = 200


def measure() -> dict[str, float]:
    """Open the judge, then judge all texts on one and on two threads; the fastest round counts."""
    process = psutil.Process()
    resident = process.memory_info().rss
    began = time.perf_counter()
    import models

    models.load()
    started = time.perf_counter() - began
    texts = _texts()
    figures = {
        "texts": len(texts),
        "mean_characters": round(sum(len(one.text) for one in texts) / len(texts), 1),
        "start_seconds": round(started, 2),
        "texts_per_second_1": round(max(_round(models.load(), texts) for _ in range(ROUNDS))),
        "texts_per_second_2": round(max(_round(models.load(threads=2), texts) for _ in range(ROUNDS))),
    }
    singles = sorted(_single(models.load(), texts[:SINGLE]))
    figures |= {
        "one_text_p50_ms": round(1000 * singles[SINGLE // 2], 2),
        "one_text_p99_ms": round(1000 * singles[int(SINGLE * 0.99)], 2),
        "memory_mb": round((process.memory_info().rss - resident) / 1e6),
        "languages_per_second": round(max(_languages(texts) for _ in range(ROUNDS))),
    }
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
    print(f"  one text {figures['one_text_p50_ms']} ms (p99 {figures['one_text_p99_ms']} ms)")
    print(f"  start {figures['start_seconds']} s, {figures['memory_mb']} MB resident")
    print(f"  language detection {figures['languages_per_second']:,} texts/s")


if __name__ == "__main__":
    main()
