"""A pydantic model of the configuration as a table of keys."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from tocsin.reference.markdown import code, table

Schema = Mapping[str, Any]
HEAD = ("key", "type", "default", "what it does")
_LIMITS = {
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "more than",
    "exclusiveMaximum": "less than",
}


def keys(model: type[BaseModel], *, without: frozenset[str] = frozenset(), name_is_kind: str = "") -> str:
    """The table of every key the model knows; nested tables are written with dots, lists of them with `[]`.

    With `name_is_kind`, `name` may be left out: the configuration's reader then takes the kind for it.
    """
    schema = model.model_json_schema()
    if name_is_kind:
        schema["properties"]["name"]["default"] = name_is_kind
        schema["required"] = [key for key in schema.get("required", ()) if key != "name"]
    return table(HEAD, _rows(schema, schema.get("$defs", {}), "", without))


def _rows(schema: Schema, defs: Schema, prefix: str, without: frozenset[str]) -> Iterator[tuple[str, str, str, str]]:
    required = set(schema.get("required", ()))
    for name, said in schema.get("properties", {}).items():
        if name in without:
            continue
        key = prefix + name
        inner = _nested(said, defs)
        if inner is not None:
            yield code(key), "table", "", str(said.get("description", ""))
            yield from _rows(inner, defs, f"{key}.", frozenset())
            continue
        several = _nested(said["items"], defs) if "items" in said else None
        if several is not None:
            yield code(key), "list of tables", "none", str(said.get("description", ""))
            yield from _rows(several, defs, f"{key}[].", frozenset())
            continue
        secret = _is_secret(said)
        shown = f"{code(key)} or {code(key + '_env')} or {code(key + '_file')}" if secret else code(key)
        default = "needed" if name in required else _default(said)
        yield shown, _type(said, defs), default, str(said.get("description", ""))


def _nested(said: Schema, defs: Schema) -> Schema | None:
    for one in (said, *said.get("anyOf", ()), *said.get("allOf", ())):
        found = _resolved(one, defs)
        if found.get("type") == "object" and "properties" in found:
            return found
    return None


def _resolved(said: Schema, defs: Schema) -> Schema:
    reference = said.get("$ref")
    found: Schema = defs[reference.rpartition("/")[2]] if reference else said
    return found


def _is_secret(said: Schema) -> bool:
    return said.get("format") == "password" or any(
        _is_secret(one) for one in (*said.get("anyOf", ()), *([said["items"]] if "items" in said else ()))
    )


def _default(said: Schema) -> str:
    default = said.get("default")
    if default is None or default in ("", [], {}):
        return "none"
    if isinstance(default, bool):
        return code(str(default).lower())
    if isinstance(default, list):
        return code(", ".join(str(one) for one in default))
    return code(str(default))


def _type(said: Schema, defs: Schema) -> str:
    said = _resolved(said, defs)
    choices = [one for one in said.get("anyOf", ()) if one.get("type") != "null"]
    if choices:
        return " or ".join(dict.fromkeys(_type(one, defs) for one in choices))
    if "const" in said:
        return code(str(said["const"]))
    if "enum" in said:
        return "one of " + ", ".join(code(str(one)) for one in said["enum"])
    if said.get("type") == "array":
        return f"list of {_type(_element(said), defs)}"
    if said.get("type") == "object":
        return "table"
    return _plain(said)


def _element(said: Schema) -> Schema:
    several = said.get("prefixItems")
    found: Schema = several[0] if several else said.get("items", {"type": "string"})
    return found


def _plain(said: Schema) -> str:
    word = {"integer": "whole number", "number": "number", "boolean": "true or false"}.get(
        said.get("type", ""), "text"
    )
    word = {"password": "secret", "path": "path", "date-time": "time", "duration": "duration"}.get(
        said.get("format", ""), word
    )
    limits = [f"{words} {said[key]}" for key, words in _LIMITS.items() if key in said]
    return ", ".join([word, *limits])
