"""Bad input through the whole process: each gets a sentence or a dead letter with its reason, the rest goes on."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.kit.scripted_http import Asked, Told, scripted_server

pytestmark = pytest.mark.xdist_group("heavy")

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
HEADER = '[storage]\npath = "t.db"\n[console]\nport = 0\n[[brand]]\nname = "Aurora Air"\nquery = "aurora"\n'


def tocsin(folder: Path, *words: str, expect: int = 0) -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "tocsin.cli.main", *words],
        cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == expect, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout, done.stderr


def listed(folder: Path, *words: str) -> list[dict[str, Any]]:
    out, _ = tocsin(folder, *words, "--json")
    return [json.loads(line) for line in out.splitlines()]


def post(number: int, text: str = "aurora flew", at: str = "2026-03-01T10:00:00Z", **more: object) -> bytes:
    return json.dumps({"id": f"p{number}", "text": text, "created_at": at, **more}).encode()


def configured(folder: Path, source: str) -> None:
    (folder / "tocsin.toml").write_text(HEADER + source)


FILE = '[[source]]\nkind = "file"\nname = "posts"\npath = "posts.jsonl"\n'


def test_every_kind_of_bad_line_is_kept_with_its_reason_and_the_good_ones_are_heard(tmp_path: Path) -> None:
    lines = [
        post(1),
        post(2, text="aurora \x00 nul \u202e bidi"),
        post(3, at="2999-01-01T00:00:00Z"),
        post(4, at="1988-05-05T00:00:00Z"),
        post(5, text=""),
        post(6, text="aurora twice"),
        b'{"id": "p7", "text": "aurora broken',
        post(6, text="aurora twice"),
        b'{"id": "p8", "text": "aurora \xff\xfe", "created_at": "2026-03-01T10:00:00Z"}',
        b'{"id": "p9", "text": "aurora ' + b"x" * 50_000_000 + b'"}',
        post(10),
    ]
    (tmp_path / "posts.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    configured(tmp_path, FILE)
    tocsin(tmp_path, "run", "--until-idle")

    heard = {mention["post"]["native_id"]: mention for mention in listed(tmp_path, "mentions")}
    assert set(heard) == {"p1", "p2", "p4", "p6", "p10"}
    assert "\x00" not in heard["p2"]["post"]["text"]
    assert "\u202e" not in heard["p2"]["post"]["text"]
    letters = {letter["where"]: letter["reason"] for letter in listed(tmp_path, "dead-letters", "list")}
    assert len(letters) == 5
    assert letters["posts.jsonl:7"] == "bad_json"
    assert letters["posts.jsonl:10"] == "too_large"
    assert {"bad_date", "no_text", "bad_encoding"} <= set(letters.values())


def test_a_missing_column_stops_the_source_with_the_columns_it_has(tmp_path: Path) -> None:
    (tmp_path / "posts.csv").write_text("id,body,created_at\n1,aurora,2026-03-01\n")
    configured(tmp_path, FILE.replace("jsonl", "csv") + 'map = {text = "message"}\n')
    _, said = tocsin(tmp_path, "run", "--until-idle", expect=1)
    assert "message" in said
    assert "body" in said


def test_a_second_process_on_one_database_is_told_who_has_it(tmp_path: Path) -> None:
    configured(
        tmp_path, '[[source]]\nkind = "webhook"\nname = "push"\nsecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"\n'
    )
    first = subprocess.Popen(
        [sys.executable, "-m", "tocsin.cli.main", "run"],
        cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert first.stderr is not None
        while "http://" not in first.stderr.readline():
            assert first.poll() is None
        _, said = tocsin(tmp_path, "run", "--port", "0", expect=1)
        assert str(first.pid) in said
        assert listed(tmp_path, "mentions") == []
    finally:
        first.send_signal(signal.SIGTERM)
        first.communicate(timeout=30)


def test_a_database_that_cannot_grow_holds_the_line_and_loses_nothing_once_it_can(tmp_path: Path) -> None:
    lines = [post(number, text=f"aurora {number} " + "word " * 300) for number in range(400)]
    (tmp_path / "posts.jsonl").write_bytes(b"\n".join(lines))
    configured(tmp_path, FILE + "page_size = 20\n")
    limited = f"ulimit -f 600; exec {sys.executable} -m tocsin.cli.main run --until-idle"
    crammed = subprocess.Popen(
        ["bash", "-c", limited],
        cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert crammed.stderr is not None
    said = ""
    deadline = time.monotonic() + 60
    while "holding the line" not in said and time.monotonic() < deadline and crammed.poll() is None:
        said += crammed.stderr.readline()
    crammed.kill()
    crammed.communicate()
    assert "holding the line" in said
    tocsin(tmp_path, "run", "--until-idle")
    assert len(listed(tmp_path, "mentions", "--limit", "1000")) == 400


def said(told: Told, asked: Asked) -> Told:
    del asked
    return told


async def test_feeds_that_misbehave_do_not_stop_the_one_that_does_not(tmp_path: Path) -> None:
    good = b"<rss version='2.0'><channel><item><guid>1</guid><title>aurora lands</title></item></channel></rss>"
    bomb = b"<rss version='2.0'><channel><item><guid>b</guid><description>" + b"&lt;div&gt;" * 200_000
    bad = {
        "/busy": Told(429, b"", {"retry-after": "3600"}),
        "/down": Told(500, b"oops"),
        "/garbage": Told(200, bytes(range(256)) * 40),
        "/endless": Told(200, b"<rss><channel>" + b"<item><title>x</title></item>" * 600_000),
        "/bomb": Told(200, bomb + b"</description></item></channel></rss>"),
    }
    async with AsyncExitStack() as stack:
        sources = ""
        for path, told in {**bad, "/good": Told(200, good)}.items():
            # A server of its own for each: what one host asks for holds for all of its feeds.
            server = await stack.enter_async_context(scripted_server())
            server.override = partial(said, told)
            sources += f'[[source]]\nkind = "rss"\nname = "{path[1:]}"\nurl = "{server.url}{path}"\n'
        configured(tmp_path, sources)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tocsin.cli.main", "run", "--until-idle",
            cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        async with asyncio.timeout(100):
            out, _ = await process.communicate()
        assert b"Traceback" not in out, out.decode()
    assert [m["post"]["title"] for m in listed(tmp_path, "mentions")] == ["aurora lands"]
