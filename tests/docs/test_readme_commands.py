"""Every command, make target and configuration that the documentation shows is real."""

import re
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest

from tests.kit.docs import ROOT, Block, blocks, commands, pages
from tocsin.cli.main import tocsin
from tocsin.config import parse

PAGES = pages(generated=False)
TOML = [block for page in PAGES for block in blocks(page) if block.language == "toml"]


def show(page: Path) -> str:
    return str(page.relative_to(ROOT))


def wrong_with(words: list[str]) -> str:
    """What is not known of a command line after `tocsin`, or nothing."""
    command: click.Command = tocsin
    context = click.Context(tocsin, info_name="tocsin")
    rest = list(words)
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        name = rest.pop(0)
        if name == "VERB":
            return ""
        inner = command.get_command(context, name)
        if inner is None:
            return f"no command {name!r}"
        command, context = inner, click.Context(inner, info_name=name, parent=context)
    known = {
        flag for parameter in command.get_params(context) for flag in (*parameter.opts, *parameter.secondary_opts)
    }
    unknown = [word for word in rest if word.startswith("--") and word.partition("=")[0] not in known]
    return f"no option {unknown}" if unknown else ""


@pytest.mark.parametrize("page", PAGES, ids=show)
def test_every_command_that_a_page_shows_exists(page: Path) -> None:
    wrong = {" ".join(words): problem for words in commands(page, "tocsin") if (problem := wrong_with(words))}
    assert not wrong


@pytest.mark.parametrize("page", PAGES, ids=show)
def test_every_make_target_that_a_page_shows_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    shown = {words[0] for words in commands(page, "make") if words}
    assert shown <= targets


@pytest.mark.parametrize("block", TOML, ids=lambda block: f"{show(block.page)}:{block.text[:30]!r}")
def test_every_configuration_that_a_page_shows_is_accepted(block: Block, tmp_path: Path) -> None:
    tables = completed(tomllib.loads(block.text))
    for written in every_table(tables):
        for key in [key for key in written if key.endswith("_file")]:
            secret = tmp_path / f"{key}.txt"
            secret.write_text("made-up-secret-of-good-length", encoding="utf-8")
            written[key] = str(secret)
    environ = {
        str(value): "made-up-secret-of-good-length"
        for written in every_table(tables)
        for key, value in written.items()
        if key.endswith("_env")
    }
    parse(tables, folder=tmp_path, environ=environ)


def completed(tables: dict[str, Any]) -> dict[str, Any]:
    """A fragment with what it leans on: a brand, and the receivers that its routes name."""
    tables.setdefault("brand", [{"name": "Aurora Air"}])
    named = {receiver.get("name", receiver["kind"]) for receiver in tables.get("receiver", [])}
    for route in tables.get("route", []):
        if route["receiver"] not in named:
            named.add(route["receiver"])
            tables.setdefault("receiver", []).append({"kind": "console", "name": route["receiver"]})
    return tables


def every_table(tables: Any) -> list[dict[str, Any]]:
    """All tables, nested ones too."""
    if isinstance(tables, dict):
        return [tables, *(inner for value in tables.values() for inner in every_table(value))]
    return [inner for value in tables for inner in every_table(value)] if isinstance(tables, list) else []


def test_the_two_commands_stand_at_the_top_of_the_readme() -> None:
    top = "\n".join((ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:40])
    assert "make demo" in top
    assert "make test" in top
