"""One integration = one folder + one line in a registry. This is the line."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from inspect import signature
from types import ModuleType
from typing import Any


@dataclass(frozen=True)
class Integration:
    """A kind of source, rule or receiver. `module` is imported only when config names the kind.

    The module offers `Config` (a pydantic model tagged by `kind`) and `build(config, ...)`. The `build` of a source
    that asks its network for brands takes `brands` as well. `verified` is when somebody last ran it against the real
    service with a real key (`2026-11-30`), `never`, or `n/a` where there is no service.
    """

    kind: str
    module: str
    summary: str
    verified: str = "never"

    def load(self) -> ModuleType:
        """Import the integration's folder."""
        return import_module(self.module)

    def builder(self, **offered: Any) -> Callable[..., Any]:
        """The folder's `build`, with those of `offered` filled in that it takes."""
        build: Callable[..., Any] = self.load().build
        takes = signature(build).parameters
        return partial(build, **{name: value for name, value in offered.items() if name in takes})


def registry(*integrations: Integration) -> dict[str, Integration]:
    """Index integrations by kind."""
    return {integration.kind: integration for integration in integrations}
