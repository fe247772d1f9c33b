"""tocsin.toml, the environment and the flags in; one typed, checked Config out, or every mistake at once."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from alerting.config import RouteConfig
from alerting.notifiers.registry import RECEIVERS
from alerting.rules.registry import RULES, USUAL_RULES
from domain.errors import ConfigError, QueryError
from domain.integration import Integration
from domain.query import compile_query
from ingest.registry import SOURCES
from tocsin.config import layers
from tocsin.config.models import (
    BrandConfig,
    Config,
    ConsoleConfig,
    KafkaConfig,
    ModelConfig,
    RuntimeConfig,
    StorageConfig,
    Tagged,
)
from tocsin.config.problems import did_you_mean, sentences
from tocsin.config.secrets import resolve

M = TypeVar("M", bound=BaseModel)
Numbered = list[tuple[int, dict[str, Any]]]

SECTIONS: Mapping[str, type[BaseModel]] = MappingProxyType(
    {
        "storage": StorageConfig,
        "kafka": KafkaConfig,
        "runtime": RuntimeConfig,
        "model": ModelConfig,
        "console": ConsoleConfig,
    }
)
REGISTRIES: Mapping[str, Mapping[str, Integration]] = MappingProxyType(
    {"source": SOURCES, "rule": RULES, "receiver": RECEIVERS}
)
LISTS = ("brand", "source", "rule", "route", "receiver")
USUAL_RECEIVER = MappingProxyType({"kind": "console"})


def load(
    path: Path | None = None,
    *,
    overrides: Mapping[str, Any] = MappingProxyType({}),
    environ: Mapping[str, str] = os.environ,
) -> Config:
    """Read `path` (default: tocsin.toml here), lay the environment and then dotted `overrides` over it, check all.

    Raises ConfigError whose `problems` are all mistakes found, each `path: sentence with the remedy`.
    """
    file = path or layers.DEFAULT_FILE
    folder = file.expanduser().absolute().parent
    tables = layers.anchored(layers.read_toml(file.expanduser()), SECTIONS, folder)
    said, problems = layers.from_environment(environ, SECTIONS)
    for layer in (said, layers.from_flags(overrides)):
        tables = layers.merge(tables, layers.anchored(layer, SECTIONS, Path.cwd()), SECTIONS)
    return parse(tables, folder=folder, environ=environ, file=file, problems=problems)


def parse(
    tables: Mapping[str, Any],
    *,
    folder: Path,
    environ: Mapping[str, str] = os.environ,
    file: Path | None = None,
    problems: Sequence[str] = (),
) -> Config:
    """Check tables already read. Raises ConfigError with `problems` and all that are found here."""
    reader = _Reader(folder=folder, environ=environ, problems=list(problems))
    config = reader.config(tables, file=file)
    if reader.problems:
        raise ConfigError(list(dict.fromkeys(reader.problems)))
    return config


class _Reader:
    """Goes through the tables once and collects mistakes instead of stopping at the first."""

    def __init__(self, *, folder: Path, environ: Mapping[str, str], problems: list[str]) -> None:
        self.folder, self.environ, self.problems = folder, environ, problems

    def config(self, tables: Mapping[str, Any], *, file: Path | None) -> Config:
        """Read every section; what could not be read is left out and stands in `problems`."""
        for name in tables.keys() - {*LISTS, *SECTIONS}:
            self.problems.append(f"{name}: is not a section: {did_you_mean(name, {*LISTS, *SECTIONS})}")
        lists = {name: self._tables(tables, name) for name in LISTS}
        if not lists["brand"] and not self.problems:
            self.problems.append("brand: none is named: add [[brand]] with name = ... to say what to listen for")
        brands = [self._brand(i, table) for i, table in lists["brand"]]
        tagged = {name: self._tagged(name, lists[name]) for name in REGISTRIES}
        routes = [self._model(RouteConfig, table, f"route[{i}]") for i, table in lists["route"]]
        self._routes_lead_somewhere(lists["route"], lists["receiver"])
        return Config(
            brand=tuple(brand for brand in brands if brand),
            source=tagged["source"],
            rule=tagged["rule"],
            route=tuple(route for route in routes if route),
            receiver=tagged["receiver"],
            storage=self._storage(tables),
            kafka=self._section(KafkaConfig, tables, "kafka"),
            runtime=self._section(RuntimeConfig, tables, "runtime"),
            model=self._section(ModelConfig, tables, "model"),
            console=self._section(ConsoleConfig, tables, "console"),
            file=file,
            folder=self.folder,
        )

    def _tables(self, tables: Mapping[str, Any], name: str) -> Numbered:
        written = tables.get(name, [])
        if isinstance(written, dict):
            self.problems.append(f"{name}: there may be several, so write [[{name}]] with two brackets")
            written = [written]
        if not isinstance(written, list) or not all(isinstance(table, dict) for table in written):
            self.problems.append(f"{name}: must be tables: write [[{name}]] and the settings below it")
            return []
        self._names_are_unique(name, written)
        return list(enumerate(written))

    def _names_are_unique(self, section: str, tables: list[dict[str, Any]]) -> None:
        if section == "route":
            return
        names = [str(table.get("name") or table.get("kind") or "").strip() for table in tables]
        folded = [name.casefold() for name in names]
        taken = Counter(folded)
        for i, name in enumerate(names):
            first = folded.index(folded[i])
            if name and taken[folded[i]] > 1 and first != i:
                self.problems.append(
                    f'{section}[{i}].name: "{name}" is taken by {section}[{first}]: give each its own name'
                )

    def _brand(self, i: int, table: dict[str, Any]) -> BrandConfig | None:
        query = table.get("query")
        # Looked at even when another key of the brand is wrong, so that one reading names every mistake.
        if isinstance(query, str) and query.strip():
            try:
                compile_query(query)
            except QueryError as mistake:
                self.problems.append(f"brand[{i}].query: {mistake}")
        return self._model(BrandConfig, table, f"brand[{i}]")

    def _tagged(self, section: str, tables: Numbered) -> tuple[Tagged, ...]:
        if not tables and section == "rule":
            tables = list(enumerate(dict(rule) for rule in USUAL_RULES))
        if not tables and section == "receiver":
            tables = [(0, dict(USUAL_RECEIVER))]
        found = [self._one_tagged(REGISTRIES[section], table, f"{section}[{i}]") for i, table in tables]
        return tuple(one for one in found if one)

    def _one_tagged(self, known: Mapping[str, Integration], table: dict[str, Any], path: str) -> Tagged | None:
        kind = table.get("kind")
        if not isinstance(kind, str) or kind not in known:
            remedy = did_you_mean(kind, known) if isinstance(kind, str) else f"one of {', '.join(sorted(known))}"
            said = f'"{kind}" is not known' if isinstance(kind, str) else "is missing"
            self.problems.append(f"{path}.kind: {said}: {remedy}")
            return None
        try:
            model = known[kind].load().Config
        except ImportError as absent:
            self.problems.append(f'{path}.kind: "{kind}" needs the Python package {absent.name}: install it')
            return None
        config = self._model(model, {"name": kind, **table}, path)
        return Tagged(kind=kind, name=str(getattr(config, "name", kind)), config=config) if config else None

    def _routes_lead_somewhere(self, routes: Numbered, receivers: Numbered) -> None:
        tables = [table for _, table in receivers] or [dict(USUAL_RECEIVER)]
        names = [str(table.get("name") or table.get("kind") or "") for table in tables]
        for i, route in routes:
            named = route.get("receiver")
            if isinstance(named, str) and named not in names:
                self.problems.append(
                    f'route[{i}].receiver: no [[receiver]] is named "{named}": {did_you_mean(named, names)}'
                )

    def _storage(self, tables: Mapping[str, Any]) -> StorageConfig:
        """The default path starts at the configuration's folder, as a written one does."""
        storage = self._section(StorageConfig, tables, "storage")
        return storage.model_copy(update={"path": self.folder / storage.path})

    def _section(self, model: type[M], tables: Mapping[str, Any], name: str) -> M:
        written = tables.get(name, {})
        if not isinstance(written, dict):
            self.problems.append(f"{name}: there is only one, so write [{name}] with one bracket")
            written = {}
        return self._model(model, written, name) or model()

    def _model(self, model: type[M], table: dict[str, Any], path: str) -> M | None:
        resolved, found = resolve(table, model, path=path, folder=self.folder, environ=self.environ)
        resolved = layers.absolute_paths(resolved, model, self.folder)
        silent = {problem.partition(":")[0].removesuffix("_env").removesuffix("_file") for problem in found}
        self.problems += found
        try:
            return model.model_validate(resolved)
        except ValidationError as error:
            mistakes = sentences(error, model=model, path=path)
            self.problems += [m for m in mistakes if m.partition(":")[0] not in silent]
            return None
