"""A secret may be written `x = "..."`, `x_env = "NAME"` or `x_file = "path"`: all become `x` before validation."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr

LARGEST_SECRET = 65_536
ENV, FILE = "_env", "_file"
_ENV_NAME = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")


def parts_of(annotation: Any) -> Iterator[Any]:
    """The plain types inside a field's annotation: `SecretStr | None` and `tuple[SecretStr, ...]` give SecretStr."""
    if get_origin(annotation) in {Union, UnionType, list, tuple, set, frozenset, dict}:
        for argument in get_args(annotation):
            yield from parts_of(argument)
    elif annotation not in {NoneType, Ellipsis}:
        # Annotated[X, ...] keeps X as its origin's first argument; pydantic already unwrapped the outermost one.
        yield from parts_of(get_args(annotation)[0]) if hasattr(annotation, "__metadata__") else [annotation]


def fields_of_type(model: type[BaseModel], wanted: type) -> list[str]:
    """Names of a model's fields that hold `wanted`, alone, optional or in a list."""
    return [name for name, field in model.model_fields.items() if wanted in set(parts_of(field.annotation))]


def resolve(
    table: Mapping[str, Any], model: type[BaseModel], *, path: str, folder: Path, environ: Mapping[str, str]
) -> tuple[dict[str, Any], list[str]]:
    """Replace `x_env` and `x_file` by `x` for every secret field of `model`, nested tables too.

    Returns the new table and the problems, each `path: sentence`; no problem ever quotes a secret.
    """
    resolved, problems = dict(table), []
    for name in fields_of_type(model, SecretStr):
        ways = [key for key in (name, name + ENV, name + FILE) if key in resolved]
        if len(ways) > 1:
            problems.append(f"{path}.{ways[1]}: {' and '.join(ways)} say the same thing: keep one of them")
        for key in ways:
            if key == name:
                continue
            written = resolved.pop(key)
            try:
                resolved[name] = _each(written, key.removeprefix(name), folder=folder, environ=environ)
            except ValueError as mistake:
                problems.append(f"{path}.{key}: {mistake}")
                # Something must stand here, or validation would also complain that the secret is missing.
                resolved.setdefault(name, [""] if isinstance(written, list) else "")
    for name, field in model.model_fields.items():
        nested = next((part for part in parts_of(field.annotation) if _is_model(part)), None)
        if nested is not None and isinstance(resolved.get(name), dict):
            resolved[name], found = resolve(
                resolved[name], nested, path=f"{path}.{name}", folder=folder, environ=environ
            )
            problems += found
    return resolved, problems


def _is_model(part: Any) -> bool:
    return isinstance(part, type) and issubclass(part, BaseModel)


def _each(written: Any, way: str, *, folder: Path, environ: Mapping[str, str]) -> str | list[str]:
    if isinstance(written, list):
        return [_one(entry, way, folder=folder, environ=environ) for entry in written]
    return _one(written, way, folder=folder, environ=environ)


def _one(written: Any, way: str, *, folder: Path, environ: Mapping[str, str]) -> str:
    if not isinstance(written, str) or not written:
        raise ValueError(
            "must be the name of an environment variable" if way == ENV else "must be the path of a file"
        )
    return _from_env(written, environ) if way == ENV else _from_file(folder / Path(written).expanduser())


def _from_env(name: str, environ: Mapping[str, str]) -> str:
    found = environ.get(name, "").strip()
    if found:
        return found
    if not _ENV_NAME.fullmatch(name):
        # People paste the secret itself here: then the name must not be repeated on the screen or in a log.
        raise ValueError("is not the name of a set environment variable; the name goes here, not the secret itself")
    raise ValueError(f"the environment variable {name} is not set: export {name}=... before starting, or use a file")


def _from_file(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            content = opened.read(LARGEST_SECRET + 1)
    except OSError as failure:
        why = failure.strerror or "unreadable"
        raise ValueError(
            f"cannot read {file} ({why}): create it, or give this process the right to read it"
        ) from None
    if len(content) > LARGEST_SECRET:
        raise ValueError(f"{file} is larger than {LARGEST_SECRET} bytes: that is no secret, is it the right file?")
    try:
        secret = content.decode().strip()
    except UnicodeDecodeError:
        raise ValueError(f"{file} is not UTF-8 text: is it the right file?") from None
    if not secret:
        raise ValueError(f"{file} is empty: write the secret into it")
    return secret
