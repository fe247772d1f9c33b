"""`make bench`: every figure, one after the other, on this machine."""

import subprocess
import sys

BENCHES = ("bench_match", "bench_classify", "bench_pipeline", "bench_latency")


def main() -> None:
    """Run each benchmark as a process of its own, so that none warms or crowds another."""
    for bench in BENCHES:
        subprocess.run([sys.executable, "-m", f"tests.bench.{bench}"], check=True)


if __name__ == "__main__":
    main()
