"""Two hundred sources in one process, of every kind that asks or is connected: memory and processor when idle.

Their networks are the scripted ones of the tests, which run here; `tocsin run` is a process of its own. The base is
the same process with the posts of the demo only, so that in both the model has judged. Telethon, which Telegram's own
protocol needs, takes 120 MB by itself and is left out.
`python -m tests.bench.bench_sources [--sources N] [--seconds N] [--json]`
"""

import argparse
import asyncio
import gc
import json
import subprocess
import sys
import tempfile
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from pydantic import BaseModel, SecretStr, TypeAdapter

from ingest.registry import SOURCES
from tests.kit.ingest import SourceCase, all_cases
from tocsin.demo import POSTS

ROOT = Path(__file__).parents[2]
SETTLING = 60.0
"""Seconds until all have caught up."""


def toml(value: Any) -> str:
    """Write a value of tocsin.toml."""
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple | set | frozenset):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value, default=str)


def source(config: BaseModel, name: str) -> str:
    """Write one [[source]] table."""
    said = {
        key: value for key, value in config.model_dump(mode="python", exclude_unset=True).items() if value is not None
    }
    return "[[source]]\n" + "".join(f"{key} = {toml(value)}\n" for key, value in (said | {"name": name}).items())


def started(folder: Path, sources: list[str]) -> tuple[subprocess.Popen[bytes], Path]:
    """Start a process that listens to these; return it and its log."""
    folder.mkdir()
    config, log = folder / "tocsin.toml", folder / "log"
    brand = '[[brand]]\nname = "Aurora Air"\nquery = "aurora"\n'
    own = f"[storage]\npath = {json.dumps(str(folder / 'tocsin.db'))}\n[console]\nport = 0\n"
    config.write_text(own + brand + "".join(sources))
    command = [sys.executable, "-m", "tocsin.cli.main", "run", "--config", str(config)]
    with log.open("w") as out:
        return subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out), log


async def idle(folder: Path, sources: list[str], seconds: float) -> dict[str, float]:
    """Run them in one process; its memory and its share of a core once all is quiet."""
    running, log = started(folder, sources)
    try:
        for _ in range(600):
            if "http://127.0.0.1:" in log.read_text():
                break
            if running.poll() is not None:
                raise SystemExit(log.read_text()[-3_000:])
            await asyncio.sleep(0.1)
        await asyncio.sleep(SETTLING)
        process = psutil.Process(running.pid)
        before = process.cpu_times()
        await asyncio.sleep(seconds)
        after = process.cpu_times()
        if running.poll() is not None:
            raise SystemExit(log.read_text()[-3_000:])
        used = after.user + after.system - before.user - before.system
        stopped = log.read_text().count("source stopped")
        return {"mb": process.memory_info().rss / 1e6, "core": used / seconds, "stopped": stopped}
    finally:
        running.terminate()
        running.wait(60)


LEFT_OUT = "telegram:mtproto"
"""See above."""
HELD = 25.0
"""Seconds that VK and Telegram keep a question open while nothing happens."""


def cases() -> list[SourceCase]:
    """Every way of listening that can go on for ever."""
    return [case for case in all_cases() if case.endless and case.id != LEFT_OUT]


def _settings(case: SourceCase) -> Any:
    return SOURCES[case.kind].load().Config


def configured(case: SourceCase) -> list[BaseModel]:
    """The settings of this kind that are in use, wherever a scripted network keeps them."""
    return [one for one in gc.get_objects() if isinstance(one, BaseModel) and getattr(one, "kind", "") == case.kind]


async def measure(number: int, seconds: float) -> dict[str, float]:
    """Compare one source with so many."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        configs: list[tuple[str, BaseModel]] = []
        for place, case in enumerate(cases()):
            home = folder / str(place)
            home.mkdir()
            known = {id(one) for one in configured(case)}
            rig = await stack.enter_async_context(case.start(home))
            await rig.make().aclose()
            if rig.hold:
                rig.hold(HELD)
            # The process beside has the real time.
            rig.clock.now = datetime.now(UTC)
            used = [one for one in configured(case) if id(one) not in known]
            # What others call needs no server, and any settings will do.
            configs.append((case.id, used[0] if used else TypeAdapter(_settings(case)).validate_python(case.config)))
        tables = [
            source(config, f"{place}-{name.replace(':', '-')}-of-the-two-hundred")
            for place in range(-(-number // len(configs)))
            for name, config in configs
        ][:number]
        demo = f'[[source]]\nkind = "file"\nname = "demo"\npath = {json.dumps(str(POSTS))}\n'
        one = source(dict(configs)["hackernews"], "one-that-goes-on")
        base = await idle(folder / "one", [demo, one], seconds)
        many = await idle(folder / "many", [demo, *tables], seconds)
    return {
        "sources": number,
        "kinds": len(configs),
        "base_mb": round(base["mb"], 1),
        "more_mb": round(many["mb"] - base["mb"], 1),
        "base_core": round(base["core"], 4),
        "core": round(many["core"], 4),
        "stopped": many["stopped"],
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = asyncio.run(measure(arguments.sources, arguments.seconds))
    if arguments.json:
        print(json.dumps(figures))
    else:
        print(
            f"{figures['sources']} sources of {figures['kinds']} ways: {figures['more_mb']:.0f} MB over the base of "
            f"{figures['base_mb']:.0f} MB, {figures['core']:.1%} of a core when idle; "
            f"{figures['base_core']:.1%} with one source"
        )


if __name__ == "__main__":
    main()
