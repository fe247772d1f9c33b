"""The pages "Add a rule" and "Add a notifier" are followed to the letter: their code is written, built and tried."""

import importlib
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

import alerting.notifiers
import alerting.rules
from domain.alert import Alert
from domain.errors import DeliveryRefused, DeliveryRetry
from ingest.http import HttpTransport
from tests.kit.alerts import MIDNIGHT, at, heard, notification
from tests.kit.docs import ROOT, blocks
from tests.kit.scripted_http import Told, scripted_server

PAGES = {"rules": "add-a-rule.md", "notifiers": "add-a-notifier.md"}


def taken_from(page: str, package: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for block in blocks(ROOT / "docs" / "how-to" / page):
        name = block.text.partition("\n")[0].removeprefix("# ")
        if block.language == "python" and name.startswith("alerting/"):
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text, encoding="utf-8")
    where = folder.joinpath(*package.__name__.split("."))
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(where)])


@pytest.fixture
def first_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    taken_from(PAGES["rules"], alerting.rules, tmp_path, monkeypatch)
    yield importlib.import_module("alerting.rules.first_network")
    del sys.modules["alerting.rules.first_network"]
    vars(alerting.rules).pop("first_network", None)


@pytest.fixture
def pager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    taken_from(PAGES["notifiers"], alerting.notifiers, tmp_path, monkeypatch)
    yield importlib.import_module("alerting.notifiers.pager")
    del sys.modules["alerting.notifiers.pager"]
    vars(alerting.notifiers).pop("pager", None)


def test_the_rule_of_the_page_rings_once_and_can_be_resumed(first_network: ModuleType) -> None:
    fold = first_network.build(first_network.Config(learn=3))
    state, said = fold.initial(), []
    for n in range(5):
        state, more = fold.step(state, heard(f"m{n}", at(n)))
        said += more
    assert not said
    state = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=fold.state_type)
    for n in range(2):
        state, more = fold.step(state, heard(f"v{n}", at(6 + n), network="vk"))
        said += more
    (alert,) = said
    assert isinstance(alert, Alert)
    assert alert.reason.numbers == {"network": "vk"}


async def test_the_notifier_of_the_page_sends_and_judges(pager: ModuleType) -> None:
    transport = HttpTransport(tls=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    async with scripted_server() as server:
        config = pager.Config(url=server.url, key="hush")
        notifier = pager.build(config, transport=transport, clock=lambda: MIDNIGHT)
        server.answers["/pages"] = Told(body=b'{"page": 17}')
        assert await notifier.send(notification(), thread="") == "17"
        server.answers["/pages"] = Told(body=b"?")
        with pytest.raises(DeliveryRetry):
            await notifier.send(notification(), thread="17")
        server.answers["/pages"] = Told(403)
        with pytest.raises(DeliveryRefused) as refused:
            await notifier.send(notification(), thread="17")
    await transport.aclose()
    assert "hush" not in str(refused.value) + repr(config)
    assert "Aurora Air" in server.asked[0].body.decode()
    assert await notifier.check()


@pytest.mark.parametrize("page", PAGES.values())
def test_the_pages_name_only_files_that_exist(page: str) -> None:
    text = (ROOT / "docs" / "how-to" / page).read_text(encoding="utf-8")
    for word in text.replace("`", " ").split():
        path = word.strip(",.;:()")
        if path.endswith((".py", ".j2")) and "/" in path and "first_network" not in path and "pager" not in path:
            assert (ROOT / path).is_file(), path
