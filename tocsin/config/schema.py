"""The published JSON Schema of tocsin.toml, put together from the models that `load` checks with."""

from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic.json_schema import models_json_schema

from alerting.config import RouteConfig
from tocsin.config.models import BrandConfig
from tocsin.config.read import REGISTRIES, SECTIONS
from tocsin.config.secrets import ENV, FILE, fields_of_type, parts_of

Schema = dict[str, Any]


def json_schema() -> Schema:
    """JSON Schema 2020-12 for the whole file: every kind of source, rule and receiver, secrets in all three ways."""
    kinds = {
        section: {kind: integration.load().Config for kind, integration in known.items()}
        for section, known in REGISTRIES.items()
    }
    models: list[type[BaseModel]] = [BrandConfig, RouteConfig, *SECTIONS.values()]
    models += [model for section in kinds.values() for model in section.values()]
    models = _with_nested(models)
    places, definitions = models_json_schema([(model, "validation") for model in models])
    defs: Schema = definitions["$defs"]
    names = {model: places[model, "validation"]["$ref"].rpartition("/")[2] for model in models}
    for owner, title in names.items():
        _three_ways_to_give_a_secret(owner, defs[title])
    for by_kind in kinds.values():
        for model in by_kind.values():
            _name_may_be_left_out(defs[names[model]])
    properties: Schema = {section: _ref(names[model]) for section, model in SECTIONS.items()}
    properties["brand"] = _list_of([_ref(names[BrandConfig])], at_least=1)
    properties["route"] = _list_of([_ref(names[RouteConfig])])
    for section, by_kind in kinds.items():
        properties[section] = _list_of([_ref(names[model]) for model in by_kind.values()])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "tocsin.toml",
        "type": "object",
        "additionalProperties": False,
        "required": ["brand"],
        "properties": properties,
        "$defs": defs,
    }


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _list_of(choices: list[Schema], *, at_least: int = 0) -> Schema:
    schema: Schema = {"type": "array", "items": choices[0] if len(choices) == 1 else {"anyOf": choices}}
    return {**schema, "minItems": at_least} if at_least else schema


def _three_ways_to_give_a_secret(model: type[BaseModel], schema: Schema) -> None:
    properties, required = schema["properties"], set(schema.get("required", []))
    choices: list[Schema] = []
    for name in fields_of_type(model, SecretStr):
        several = properties[name].get("type") == "array"
        text: Schema = {"type": "string", "minLength": 1}
        way: Schema = {"type": "array", "items": text} if several else text
        properties[name + ENV] = {**way, "description": f"Environment variable that holds `{name}`."}
        properties[name + FILE] = {**way, "description": f"File that holds `{name}`."}
        ways: list[Schema] = [{"required": [key]} for key in (name, name + ENV, name + FILE)]
        none: Schema = {"not": {"anyOf": ways}}
        choices.append({"oneOf": ways if name in required else [*ways, none]})
        required.discard(name)
    schema["required"] = sorted(required)
    if choices:
        schema["allOf"] = [*schema.get("allOf", []), *choices]


def _with_nested(models: list[type[BaseModel]]) -> list[type[BaseModel]]:
    """The models and all that stand inside them, each once, in order of appearance."""
    found: dict[type[BaseModel], None] = {}
    waiting = models[::-1]
    while waiting:
        model = waiting.pop()
        if model in found:
            continue
        found[model] = None
        parts = [part for field in model.model_fields.values() for part in parts_of(field.annotation)]
        waiting += [part for part in parts if isinstance(part, type) and issubclass(part, BaseModel)]
    return list(found)


def _name_may_be_left_out(schema: Schema) -> None:
    schema["required"] = sorted({*schema.get("required", []), "kind"} - {"name"})
