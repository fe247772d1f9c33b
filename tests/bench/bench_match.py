"""Matching: posts a second of one core's time with 100 and with 10,000 brands, their ratio, build time and memory.

The brands named in the posts are among the first hundred, so that both runs find the same mentions.
`python -m tests.bench.bench_match [--posts N] [--matching SHARE] [--json]`
"""

import argparse
import gc
import json
import time

import psutil

from domain.post import Post
from domain.query import BrandMatcher
from tests.kit.query import brands, corpus

FEW, MANY = 100, 10_000
ROUNDS = 5


def measure(count: int, *, matching: float) -> dict[str, float]:
    """Match the same posts with few and with many brands, in turns; the fastest round of each counts."""
    many = brands(MANY)
    resident = psutil.Process().memory_info().rss
    began = time.process_time()
    large = BrandMatcher(many)
    built = time.process_time() - began
    gc.collect()
    grown = psutil.Process().memory_info().rss - resident
    small = BrandMatcher(many[:FEW])
    posts = list(corpus(count, known=many[:FEW], matching=matching))
    times: dict[int, list[float]] = {FEW: [], MANY: []}
    mentions: dict[int, int] = {}
    for _ in range(ROUNDS):
        for size, matcher in ((FEW, small), (MANY, large)):
            elapsed, mentions[size] = _round(matcher, posts)
            times[size].append(elapsed)
    few, most = min(times[FEW]), min(times[MANY])
    return {
        "posts": count,
        "mean_characters": round(sum(len(post.text) for post in posts) / count, 1),
        "matching_share": matching,
        "mentions_100": mentions[FEW],
        "mentions_10000": mentions[MANY],
        "posts_per_second_100": round(count / few),
        "posts_per_second_10000": round(count / most),
        "cost_ratio": round(most / few, 2),
        "build_seconds_10000": round(built, 2),
        "memory_mb_10000": round(grown / 1e6, 1),
    }


def _round(matcher: BrandMatcher, posts: list[Post]) -> tuple[float, int]:
    began = time.process_time()
    mentions = sum(len(matcher.match(post)) for post in posts)
    return time.process_time() - began, mentions


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="Matching speed with few and many brands.")
    parser.add_argument("--posts", type=int, default=20_000)
    parser.add_argument("--matching", type=float, default=0.1)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    figures = measure(chosen.posts, matching=chosen.matching)
    if chosen.json:
        print(json.dumps(figures))
        return
    print(f"match: {figures['posts']:,} posts of {figures['mean_characters']} characters, "
          f"{figures['matching_share']:.0%} name a brand")  # fmt: skip
    print(
        f"  with    100 brands  {figures['posts_per_second_100']:>9,} posts/s  {figures['mentions_100']:,} mentions"
    )
    print(f"  with 10,000 brands  {figures['posts_per_second_10000']:>9,} posts/s  "
          f"{figures['mentions_10000']:,} mentions")  # fmt: skip
    print(f"  cost ratio {figures['cost_ratio']} (at most 1.5), built in {figures['build_seconds_10000']} s, "
          f"{figures['memory_mb_10000']} MB")  # fmt: skip


if __name__ == "__main__":
    main()
