"""Google's own description of its interfaces, as its client library carries it: what a question and an answer are."""

import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str, "integer": int, "boolean": bool, "number": (int, float), "array": list, "object": dict,
}  # fmt: skip


class Discovery:
    """One interface: `youtube.v3`, `androidpublisher.v3`."""

    def __init__(self, name: str) -> None:
        found = find_spec("googleapiclient.discovery_cache")
        assert found
        assert found.origin
        document = Path(found.origin).parent / "documents" / f"{name}.json"
        self._described = json.loads(document.read_text(encoding="utf-8"))

    def method(self, path: str) -> dict[str, Any]:
        """The GET method of a path such as `youtube/v3/search`."""
        found = [one for one in _methods(self._described) if one["httpMethod"] == "GET" and _fits(one, path)]
        assert found, f"no such method: {path}"
        return min(found, key=lambda one: one["flatPath"].count("{"))

    def wrong_with_question(self, path: str, query: dict[str, str]) -> list[str]:
        """What the method of this path does not take."""
        takes = {**self._described["parameters"], **self.method(path)["parameters"]}
        wrong = [f"unknown parameter {name}" for name in query if name not in takes]
        for name, value in query.items():
            told = takes.get(name, {})
            if told.get("type") == "integer" and not value.isdigit():
                wrong.append(f"{name}={value} is no number")
            elif told.get("type") == "integer" and not (
                int(told.get("minimum", 0)) <= int(value) <= int(told.get("maximum", 10**9))
            ):
                wrong.append(f"{name}={value} is out of range")
            if "enum" in told and value not in told["enum"]:
                wrong.append(f"{name}={value} is not one of {told['enum']}")
        required = {name for name, told in takes.items() if told.get("required") and told["location"] == "query"}
        return wrong + [f"{name} is missing" for name in required - set(query)]

    def wrong_with_answer(self, path: str, answer: Any) -> list[str]:
        """Where an answer leaves the schema of the method."""
        schema = self.method(path)["response"]["$ref"]
        return list(self._wrong(answer, {"$ref": schema}, schema))

    def _wrong(self, value: Any, told: dict[str, Any], where: str) -> Iterator[str]:
        if "$ref" in told:
            told = self._described["schemas"][told["$ref"]]
        kind = told.get("type", "object")
        if not isinstance(value, _TYPES[kind]) or (kind == "integer" and isinstance(value, bool)):
            yield f"{where} is {type(value).__name__}, not {kind}"
        elif isinstance(value, list):
            for number, one in enumerate(value):
                yield from self._wrong(one, told["items"], f"{where}[{number}]")
        elif isinstance(value, dict) and "properties" in told:
            for name, inner in value.items():
                if name in told["properties"]:
                    yield from self._wrong(inner, told["properties"][name], f"{where}.{name}")
                else:
                    yield f"{where}.{name} is unknown"


def _methods(described: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for resource in described.get("resources", {}).values():
        yield from resource.get("methods", {}).values()
        yield from _methods(resource)


def _fits(method: dict[str, Any], path: str) -> bool:
    wanted, given = method["flatPath"].split("/"), path.strip("/").split("/")
    return len(wanted) == len(given) and all(
        part.startswith("{") or part == one for part, one in zip(wanted, given, strict=True)
    )
