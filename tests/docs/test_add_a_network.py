"""The page "Add a network" is followed to the letter: its code is written to a folder, built and held to its word."""

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import ingest
from ingest.http import HttpTransport, PoliteClient
from tests.kit.docs import ROOT, blocks
from tests.kit.ingest import NOON, SECRET, Clock
from tests.kit.scripted_http import Asked, Told, scripted_server

PAGE = ROOT / "docs" / "how-to" / "add-a-network.md"


@pytest.fixture
def bulletin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    for block in blocks(PAGE):
        name = block.text.partition("\n")[0].removeprefix("# ")
        if name.startswith("ingest/"):
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text, encoding="utf-8")
    monkeypatch.setattr(ingest, "__path__", [*ingest.__path__, str(tmp_path / "ingest")])
    yield importlib.import_module("ingest.bulletin")
    for module in [name for name in sys.modules if name.startswith("ingest.bulletin")]:
        del sys.modules[module]
    vars(ingest).pop("bulletin", None)


async def test_the_network_of_the_page_reads_and_goes_on(bulletin: ModuleType) -> None:
    notes: list[dict[str, Any]] = [
        {"id": n, "by": "ada", "at": "2026-11-20T11:59:00Z", "html": f"<p>Aurora Air, {n}</p>"} for n in (1, 2, 3)
    ]

    def answer(asked: Asked) -> Told:
        after = [note for note in [*notes, {"id": 4}] if note["id"] > int(asked.query["after"])]
        return Told(body=json.dumps({"notes": after[:2]}).encode())

    clock = Clock()
    async with scripted_server() as server:
        server.answers["/notes"] = answer
        client = PoliteClient(HttpTransport(), clock=clock)
        config = bulletin.Config.model_validate({"kind": "bulletin", "url": server.url, "token": SECRET})
        first = await bulletin.build(config, client=client, clock=clock).fetch(None)
        second = await bulletin.build(config, client=client, clock=clock).fetch(first.cursor)
        third = await bulletin.build(config, client=client, clock=clock).fetch(second.cursor)
        said = await bulletin.build(config, client=client, clock=clock).check()
        await client.aclose()
    assert [record.post.text for page in (first, second, third) for record in page.records] == [
        "Aurora Air, 1", "Aurora Air, 2", "Aurora Air, 3",
    ]  # fmt: skip
    assert [letter.reason for letter in second.dead_letters] == ["bad_note"]
    assert (second.wait, third.wait) == (0, 60)
    assert first.records[0].post.collected_at == NOON
    assert said == "board reachable: 2 notes on its first page"
    assert server.asked[0].headers["authorization"] == f"Bearer {SECRET}"
    assert SECRET not in repr(config)


def test_the_page_names_only_files_that_exist() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for word in text.replace("`", " ").split():
        path = word.strip(",.;:()")
        if path.endswith(".py") and "/" in path and "bulletin" not in path:
            assert (ROOT / path).is_file(), path
