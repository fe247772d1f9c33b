"""Post to alert, embedded, as a process: signed posts in over HTTP, notifications out to a local receiver.

200 posts a second for a minute; five of them a second set off an alert of a brand of their own.
`python -m tests.bench.bench_latency [--seconds N] [--rate N] [--json]`
"""

import argparse
import asyncio
import json
import re
import socket
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
from standardwebhooks import Webhook

from tests.kit.corpus import brand_name, posts
from tests.kit.desk import Desk, open_desk

ROOT = Path(__file__).parents[2]
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ALERTS_A_SECOND = 5


def configuration(folder: Path, *, brands: int, port: int, desk: str) -> str:
    """Write the one process' own settings, and what both runtimes share."""
    own = f"[storage]\npath = {json.dumps(str(folder / 'tocsin.db'))}\n[console]\nport = {port}\n"
    return own + shared(brands=brands, desk=desk)


def shared(*, brands: int, desk: str) -> str:
    """Write a webhook source, a keyword rule, one signed receiver, and that many brands."""
    text = f"""
[[source]]
kind = "webhook"
name = "push"
secret = "{SECRET}"
[[rule]]
kind = "keyword"
name = "alarm"
words = ["tocsinbell"]
[[rule]]
kind = "spike"
[[rule]]
kind = "critical_mention"
[[receiver]]
kind = "webhook"
name = "desk"
url = "{desk}"
secret = "{SECRET}"
[[route]]
receiver = "desk"
severity = "minor"
"""
    for number in range(brands):
        text += f'[[brand]]\nname = "{brand_name(number)}"\n'
    return text


def free_port() -> int:
    """Find a port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def load(
    url: str, *, seconds: int, rate: int, sent: dict[str, float], talked_of: int = 0, alarms: int = ALERTS_A_SECOND
) -> int:
    """Post in groups of ten, evenly; note when each alarm was handed in. Returns how many posts were taken.

    `alarms` are set off a second, each of a brand of its own; the other posts are about the first `talked_of` brands
    (0: all of them).
    """
    brands = seconds * alarms
    stream = posts(seconds * rate, brands=talked_of or brands)
    taken = 0
    async with httpx.AsyncClient(timeout=30) as client, asyncio.TaskGroup() as tasks:
        started = time.monotonic()
        pending: list[asyncio.Task[int]] = []
        for group in range(seconds * rate // 10):
            batch = [{**next(stream), "created_at": datetime.now(UTC).isoformat()} for _ in range(10)]
            if group % (rate // 10 // alarms) == 0:
                brand = brand_name(len(sent) % brands)
                batch[0]["text"] = f"tocsinbell: {brand} is on fire"
                sent[brand] = time.monotonic()
            pending.append(tasks.create_task(_send(client, url, batch, str(group))))
            await asyncio.sleep(max(0.0, started + (group + 1) * 10 / rate - time.monotonic()))
    for task in pending:
        taken += task.result()
    return taken


async def _send(client: httpx.AsyncClient, url: str, batch: list[dict[str, object]], number: str) -> int:
    body = json.dumps(batch)
    now = datetime.now(UTC)
    headers = {
        "webhook-id": f"load-{number}",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(SECRET).sign(f"load-{number}", now, body),
        "content-type": "application/json",
    }
    while True:
        reply = await client.post(url, content=body, headers=headers)
        if reply.status_code == httpx.codes.ACCEPTED:
            return len(batch)
        if reply.status_code not in {429, 503}:
            raise SystemExit(f"{reply.status_code} {reply.text[:300]}")
        await asyncio.sleep(float(reply.headers.get("retry-after", "0.2")))


def delays(desk: Desk, sent: dict[str, float]) -> list[float]:
    """Seconds from handing in to hearing of it, for the alarms."""
    first: dict[str, float] = {}
    for delivery in desk.heard:
        brand = re.search(r'"brand":\s*"([^"]+)"', json.dumps(delivery.content))
        if brand:
            first.setdefault(brand[1], delivery.at)
    return sorted(first[brand] - at for brand, at in sent.items() if brand in first)


def measure(*, seconds: int, rate: int) -> dict[str, float]:
    """Run once."""
    sent: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name, open_desk() as desk:
        folder, port = Path(name), free_port()
        brands = seconds * ALERTS_A_SECOND
        (folder / "tocsin.toml").write_text(configuration(folder, brands=brands, port=port, desk=desk.url))
        command = [sys.executable, "-m", "tocsin.cli.main", "run", "--config", str(folder / "tocsin.toml")]
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        try:
            _wait_ready(f"http://127.0.0.1:{port}/readyz", folder / "log")
            taken = asyncio.run(load(f"http://127.0.0.1:{port}/webhooks/push", seconds=seconds, rate=rate, sent=sent))
            time.sleep(3)
        finally:
            process.terminate()
            process.wait(30)
        heard = delays(desk, sent)
    if not heard:
        raise SystemExit("no alert was heard")
    return {
        "posts": taken,
        "rate": rate,
        "alerts_expected": len(sent),
        "alerts_heard": len(heard),
        "p50_seconds": round(heard[len(heard) // 2], 3),
        "p99_seconds": round(heard[min(len(heard) - 1, int(len(heard) * 0.99))], 3),
        "max_seconds": round(heard[-1], 3),
    }


def _wait_ready(url: str, log: Path) -> None:
    for _ in range(300):
        try:
            if httpx.get(url, timeout=1).status_code == httpx.codes.OK:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise SystemExit(f"not ready: {log.read_text()[-2000:]}")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rate", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = measure(seconds=arguments.seconds, rate=arguments.rate)
    if arguments.json:
        print(json.dumps(figures))
    else:
        print(
            f"alert p50 {figures['p50_seconds']:.2f} s, p99 {figures['p99_seconds']:.2f} s, "
            f"max {figures['max_seconds']:.2f} s at {figures['rate']:.0f} posts/s "
            f"({figures['alerts_heard']} of {figures['alerts_expected']} alerts, {figures['posts']:,} posts)"
        )


if __name__ == "__main__":
    main()
