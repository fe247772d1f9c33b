"""Four layers become one set of tables: defaults < file < environment < flags."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

from domain.errors import ConfigError
from tocsin.config.problems import did_you_mean, keys_of
from tocsin.config.secrets import ENV, FILE, fields_of_type, parts_of

DEFAULT_FILE = Path("tocsin.toml")
PREFIX = "TOCSIN_"
LARGEST_FILE = 4_194_304

Tables = dict[str, Any]


def read_toml(file: Path) -> Tables:
    """Parse one file; raises ConfigError with line and column for bad TOML."""
    try:
        with file.open("rb") as opened:
            content = opened.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        raise ConfigError(
            [f"{file}: there is no such file: write one with `tocsin init`, or name another with --config"]
        ) from None
    except OSError as failure:
        raise ConfigError([f"{file}: cannot be read: {failure.strerror or 'unknown reason'}"]) from None
    if len(content) > LARGEST_FILE:
        raise ConfigError([f"{file}: is larger than {LARGEST_FILE} bytes: is it the right file?"])
    try:
        return tomllib.loads(content.decode("utf-8-sig").replace("\r\n", "\n"))
    except UnicodeDecodeError as mistake:
        line = content.count(b"\n", 0, mistake.start) + 1
        raise ConfigError([f"{file} line {line}: is not UTF-8 text: save the file as UTF-8"]) from None
    except tomllib.TOMLDecodeError as mistake:
        raise ConfigError([f"{file} {_place(str(mistake))}"]) from None


def _place(mistake: str) -> str:
    """`Expected '=' (at line 3, column 5)` becomes `line 3, column 5: Expected '='`, with a remedy where one fits."""
    found = re.fullmatch(r"(?s)(.*) \(at (line \d+, column \d+|end of document)\)", mistake)
    what, where = (found[1], found[2]) if found else (mistake, "is not TOML")
    remedy = ""
    if what.startswith(("Expected newline", "Unescaped", "Illegal character", "Unterminated")):
        remedy = "; a text with double quotes inside goes into single quotes, such as query = '\"aurora air\"'"
    return f"{where}: {what}{remedy}"


def from_environment(environ: Mapping[str, str], sections: Mapping[str, type[BaseModel]]) -> tuple[Tables, list[str]]:
    """`TOCSIN_CONSOLE__PORT=8000` is `console.port`. A misspelt key of a known section is a problem."""
    tables: Tables = {}
    problems: list[str] = []
    for variable, value in sorted(environ.items()):
        section, underscores, key = variable.removeprefix(PREFIX).lower().partition("__")
        if not (variable.startswith(PREFIX) and underscores and section in sections):
            continue
        steps = key.split("__")
        if steps[0] in keys_of(sections[section]):
            _put(tables, [section, *steps], value)
        else:
            remedy = did_you_mean(steps[0], keys_of(sections[section]))
            problems.append(f"{variable}: [{section}] has no such setting: {remedy}")
    return tables, problems


def from_flags(overrides: Mapping[str, Any]) -> Tables:
    """Dotted keys to tables; a flag that was not given (None) says nothing."""
    tables: Tables = {}
    for dotted, value in overrides.items():
        if value is not None:
            _put(tables, dotted.split("."), value)
    return tables


def _put(tables: Tables, steps: list[str], value: Any) -> None:
    *parents, last = steps
    for step in parents:
        tables = tables.setdefault(step, {})
    tables[last] = value


def anchored(tables: Tables, sections: Mapping[str, type[BaseModel]], folder: Path) -> Tables:
    """The same tables with each section's relative paths made absolute from `folder`."""
    return {
        name: absolute_paths(table, sections[name], folder) if name in sections and isinstance(table, dict) else table
        for name, table in tables.items()
    }


def absolute_paths(table: Mapping[str, Any], model: type[BaseModel], folder: Path) -> Tables:
    """A table whose paths (and lists of them) start at `folder` when they are relative.

    A path is a field of type Path, and the field `path` of a source, which may be a pattern and so is text. Tables
    within the table are looked at too.
    """
    result = dict(table)
    for name in {*fields_of_type(model, Path), *({"path"} & model.model_fields.keys())}:
        written = result.get(name)
        if isinstance(written, str) and written:
            result[name] = str(folder / Path(written).expanduser())
        elif isinstance(written, list):
            result[name] = [str(folder / Path(p).expanduser()) if isinstance(p, str) and p else p for p in written]
    for name, field in model.model_fields.items():
        tables = [
            part for part in parts_of(field.annotation) if isinstance(part, type) and issubclass(part, BaseModel)
        ]
        written = result.get(name)
        if tables and isinstance(written, dict):
            result[name] = absolute_paths(written, tables[0], folder)
        elif tables and isinstance(written, list):
            result[name] = [absolute_paths(t, tables[0], folder) if isinstance(t, dict) else t for t in written]
    return result


def merge(lower: Tables, upper: Tables, sections: Mapping[str, type[BaseModel]]) -> Tables:
    """Lay `upper` over `lower`, key by key within the application's own sections."""
    merged = dict(lower)
    for name, table in upper.items():
        below = merged.get(name)
        if isinstance(table, dict) and isinstance(below, dict):
            merged[name] = _merge_table(below, table, sections.get(name))
        else:
            merged[name] = table
    return merged


def _merge_table(below: Tables, table: Tables, model: type[BaseModel] | None) -> Tables:
    merged = dict(below)
    for secret in fields_of_type(model, SecretStr) if model else ():
        ways = {secret, secret + ENV, secret + FILE}
        if ways & table.keys():
            merged = {key: value for key, value in merged.items() if key not in ways}
    for key, value in table.items():
        low = merged.get(key)
        merged[key] = {**low, **value} if isinstance(low, dict) and isinstance(value, dict) else value
    return merged
