"""Pydantic's errors turned into sentences with a remedy: `source[0].url: is missing: add url = ...`."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from tocsin.config.secrets import ENV, FILE, fields_of_type, parts_of

_SENTENCES = {
    "missing": "is missing: add {key} = ...",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number, without a fraction",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "string_type": 'must be text in quotes, such as {key} = "..."',
    "tuple_type": 'must be a list in square brackets, such as {key} = ["..."]',
    "list_type": 'must be a list in square brackets, such as {key} = ["..."]',
    "path_type": 'must be a path in quotes, such as {key} = "..."',
    "model_type": "must be a table, such as [{key}]",
    "dict_type": 'must be a table, such as {key} = {{ a = "b" }}',
    "string_too_short": "must not be empty",
    "too_short": "must have at least {min_length} in the list",
    "too_long": "must have at most {max_length} in the list",
    "string_too_long": "must have at most {max_length} characters",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
}


def did_you_mean(written: str, known: Iterable[str]) -> str:
    """A remedy for a misspelt word: the nearest known one, or all of them."""
    words = sorted(set(known))
    near = get_close_matches(written.lower(), words, n=1, cutoff=0.6)
    return f'did you mean "{near[0]}"?' if near else f"known here: {', '.join(words)}"


def sentences(error: ValidationError, *, model: type[BaseModel], path: str) -> list[str]:
    """Every mistake of one table as `path: sentence`. Values are never quoted: one of them may be a secret."""
    found = [f"{_join(path, mistake['loc'])}: {_sentence(mistake, model)}" for mistake in error.errors()]
    return list(dict.fromkeys(found))


def keys_of(model: type[BaseModel]) -> list[str]:
    """What may be written in that table, the three ways to give a secret included."""
    secret = fields_of_type(model, SecretStr)
    return [*model.model_fields, *(name + ENV for name in secret), *(name + FILE for name in secret)]


def _sentence(mistake: ErrorDetails, model: type[BaseModel]) -> str:
    loc, kind = mistake["loc"], mistake["type"]
    key = str(loc[-1]) if loc else "it"
    if kind == "extra_forbidden":
        owner = _model_at(model, loc[:-1])
        return f"is not a setting: {did_you_mean(key, keys_of(owner))}" if owner else "is not a setting: remove it"
    if kind == "value_error":
        return str(mistake["ctx"]["error"])
    if kind == "missing" and (owner := _model_at(model, loc[:-1])) and key in fields_of_type(owner, SecretStr):
        return f'is missing: add {key}{ENV} = "VARIABLE", {key}{FILE} = "path" or {key} = "..."'
    if kind in _SENTENCES:
        return _SENTENCES[kind].format(key=key, **mistake.get("ctx", {}))
    return mistake["msg"].replace("Input should be", "must be").replace("Input should", "must")


def _model_at(model: type[BaseModel], loc: Sequence[int | str]) -> type[BaseModel] | None:
    """The nested model that a location points into, or None when it is no model of ours."""
    found: type[BaseModel] | None = model
    for step in loc:
        if found is None or isinstance(step, int):
            continue
        field = found.model_fields.get(step)
        parts: list[Any] = list(parts_of(field.annotation)) if field else []
        found = next((part for part in parts if isinstance(part, type) and issubclass(part, BaseModel)), None)
    return found


def _join(path: str, loc: Sequence[int | str]) -> str:
    for step in loc:
        path += f"[{step}]" if isinstance(step, int) else f".{step}"
    return path
