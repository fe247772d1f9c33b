"""Whole pipeline, embedded, as a process: posts a second from a file to stored mentions, and resident memory.

`python -m tests.bench.bench_pipeline [--posts N] [--brands N] [--json]`
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from tests.kit.corpus import brand_name, posts

ROOT = Path(__file__).parents[2]


def configuration(folder: Path, *, brands: int) -> str:
    """Write a file source and that many brands; alerts go nowhere but the database."""
    lines = [
        f"[storage]\npath = {json.dumps(str(folder / 'tocsin.db'))}\n[console]\nport = 0\n",
        f'[[source]]\nkind = "file"\nname = "posts"\npath = {json.dumps(str(folder / "posts.jsonl"))}\n',
        '[[receiver]]\nkind = "console"\nname = "terminal"\n',
    ]
    lines += [
        f"[[brand]]\nname = {json.dumps(brand_name(n))}\nquery = {json.dumps(brand_name(n))}\n" for n in range(brands)
    ]
    return "".join(lines)


def measure(count: int, *, brands: int, matching: float = 1.0) -> dict[str, float]:
    """Run once; return posts a second (start-up taken out by a run over one post) and the largest resident memory."""
    seconds: list[float] = []
    largest = 0
    for size in (1, count):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            with (folder / "posts.jsonl").open("w", encoding="utf-8") as file:
                file.writelines(json.dumps(post) + "\n" for post in posts(size, brands=brands, matching=matching))
            (folder / "tocsin.toml").write_text(configuration(folder, brands=brands), encoding="utf-8")
            elapsed, resident = _run(folder)
            seconds.append(elapsed)
            largest = max(largest, resident)
    return {
        "posts": count,
        "brands": brands,
        "matching": matching,
        "start_seconds": round(seconds[0], 2),
        "posts_per_second": round((count - 1) / (seconds[1] - seconds[0]), 1),
        "resident_mb": round(largest / 1e6, 1),
    }


def _run(folder: Path) -> tuple[float, int]:
    started = time.perf_counter()
    command = [
        sys.executable,
        "-m",
        "tocsin.cli.main",
        "run",
        "--until-idle",
        "--config",
        str(folder / "tocsin.toml"),
    ]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        watched = psutil.Process(process.pid)
        largest = 0
        while process.poll() is None:
            try:
                largest = max(largest, watched.memory_info().rss)
            except psutil.NoSuchProcess:
                break
            time.sleep(0.05)
    if process.wait() != 0:
        raise SystemExit((folder / "log").read_text()[-2000:])
    return time.perf_counter() - started, largest


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=10_000)
    parser.add_argument("--brands", type=int, nargs="*", default=[6, 10_000])
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    for brands in arguments.brands:
        for matching in (1.0, 0.05):
            figures = measure(arguments.posts, brands=brands, matching=matching)
            print(json.dumps(figures) if arguments.json else _sentence(figures))


def _sentence(figures: dict[str, float]) -> str:
    return (
        f"pipeline    {figures['posts_per_second']:>9,.0f} posts/s, {figures['brands']:>6,.0f} brands, "
        f"{figures['matching']:.0%} of posts match; start {figures['start_seconds']:.1f} s; "
        f"{figures['resident_mb']:.0f} MB resident"
    )


if __name__ == "__main__":
    main()
