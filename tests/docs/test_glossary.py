"""The glossary holds every word of the trade and every public struct of the domain."""

import importlib
import pkgutil
import re

from msgspec import Struct

import domain
from tests.kit.docs import ROOT

WORDS = {
    "network", "source", "post", "mention", "brand", "query", "author", "reach", "engagement", "share of voice",
    "sentiment", "urgency", "theme", "rule", "alert", "severity", "incident", "route", "receiver", "notifier",
    "notification", "silence", "inhibition", "acknowledgement", "escalation policy", "escalation step", "cursor",
    "checkpoint", "dead letter", "backfill", "backtest",
}  # fmt: skip


def text() -> str:
    return (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")


def public_structs() -> set[str]:
    modules = [
        importlib.import_module(found.name)
        for found in pkgutil.walk_packages(domain.__path__, "domain.")
        if not found.ispkg or found.name != "domain.query"
    ]
    return {
        name
        for module in modules
        for name, kind in vars(module).items()
        if isinstance(kind, type)
        and issubclass(kind, Struct)
        and kind.__module__ == module.__name__
        and not name.startswith("_")
        and not module.__name__.startswith("domain.query.")
    }


def test_every_word_of_the_trade_is_explained() -> None:
    explained = set(re.findall(r"\*\*([^*]+)\*\*", text()))
    assert explained >= WORDS


def test_every_public_struct_of_the_domain_is_named() -> None:
    named = set(re.findall(r"`([A-Za-z]+)(?:\.\w+)?`", text()))
    assert public_structs() <= named


def test_no_word_is_explained_twice() -> None:
    explained = re.findall(r"^\| \*\*([^*]+)\*\*", text(), re.MULTILINE)
    assert len(explained) == len(set(explained))
