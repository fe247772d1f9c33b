"""A newcomer's path, as processes: init, check-config, try, run on a feed served locally, and the alert comes."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from tests.kit.receivers import SLACK_TOKEN, TELEGRAM_TOKEN, Receiver, slack_like, telegram_like
from tests.kit.scripted_http import Asked, ScriptedServer, Told, scripted_server

pytestmark = pytest.mark.xdist_group("heavy")

HEADLINES = (
    "Aurora Air opens a new lounge",
    "Aurora Air: smoke in the cabin, passengers evacuated, regulator investigates",
    "Weather for the weekend",
)

RECEIVERS = """
[[rule]]
kind = "keyword"
name = "watchwords"
words = ["evacuated", "recall"]
severity = "critical"

[[receiver]]
kind = "slack"
name = "duty"
token_env = "DUTY_TOKEN"
channel = "#reputation"
api = "{slack}/api"

[[receiver]]
kind = "telegram"
name = "phone"
token_env = "PHONE_TOKEN"
chat = -100500
language = "ru"
api = "{telegram}"
"""


def feed(headlines: tuple[str, ...]) -> bytes:
    """An RSS feed with an entry an hour, the last one fresh."""
    now = datetime.now(UTC)
    entries = "".join(
        f"<item><guid>n{number}</guid><title>{title}</title><link>https://news.example/{number}</link>"
        f"<pubDate>{format_datetime(now - timedelta(hours=len(headlines) - number))}</pubDate></item>"
        for number, title in enumerate(headlines)
    )
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>News</title>{entries}</channel></rss>'.encode()


@asynccontextmanager
async def feeds() -> AsyncIterator[ScriptedServer]:
    async with scripted_server() as server:

        def answer(asked: Asked) -> Told:
            told = HEADLINES if asked.path == "/news.xml" else HEADLINES[:1]
            return Told(200, feed(told), {"content-type": "application/rss+xml"})

        server.override = answer
        yield server


async def tocsin(folder: Path, *words: str, expect: int = 0) -> tuple[str, str]:
    """Run a verb as a shell would; return what it said on stdout and stderr."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tocsin.cli.main", *words,
        cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode == expect, err.decode()
    return out.decode(), err.decode()


def environment() -> dict[str, str]:
    root = str(Path(__file__).parents[2])
    return {**os.environ, "PYTHONPATH": root, "DUTY_TOKEN": SLACK_TOKEN, "PHONE_TOKEN": TELEGRAM_TOKEN}


async def run_until_told(folder: Path, slack: Receiver, telegram: Receiver) -> str:
    """Start `tocsin run`, wait for both messages, stop it as a service manager would; return what it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tocsin.cli.main", "run", "--port", "0",
        cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(90):
            while not (slack.taken and telegram.taken):
                await asyncio.sleep(0.1)
                assert process.returncode is None
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
    out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
    return out.decode()


async def test_from_an_empty_folder_to_an_alert_in_slack_and_telegram(tmp_path: Path) -> None:
    async with feeds() as news, slack_like() as slack, telegram_like() as telegram:
        await tocsin(
            tmp_path,
            "init",
            "--brand",
            "Aurora Air",
            "--feed",
            f"{news.url}/news.xml",
            "--feed",
            f"{news.url}/blog.xml",
        )
        await tocsin(tmp_path, "check-config")
        shown, _ = await tocsin(tmp_path, "try")
        assert "smoke in the cabin" in shown
        assert not (tmp_path / "tocsin.db").exists()

        config = tmp_path / "tocsin.toml"
        config.write_text(config.read_text() + RECEIVERS.format(slack=slack.url, telegram=telegram.url))
        await tocsin(tmp_path, "check-config")
        await tocsin(tmp_path, "doctor")
        said = await run_until_told(tmp_path, slack, telegram)

    assert SLACK_TOKEN not in said
    assert TELEGRAM_TOKEN not in said
    message = str(slack.taken[0])
    assert "Aurora Air" in message
    assert "smoke in the cabin" in message
    assert "https://news.example/1" in message
    assert telegram.taken[0]["chat_id"] == -100500
    assert "Aurora Air" in telegram.taken[0]["text"]
    mentions, _ = await tocsin(tmp_path, "mentions", "--json")
    assert mentions.count("news.example") >= 2
    incidents, _ = await tocsin(tmp_path, "incidents")
    assert "Aurora Air" in incidents
