"""One integration = one folder + one line in a registry. This is the line."""

from dataclasses import dataclass
from importlib import import_module
from types import ModuleType


@dataclass(frozen=True)
class Integration:
    """A kind of source, rule or receiver. `module` is imported only when config names the kind.

    The module offers `Config` (a pydantic model tagged by `kind`) and `build(config, ...)`.
    """

    kind: str
    module: str
    summary: str

    def load(self) -> ModuleType:
        """Import the integration's folder."""
        return import_module(self.module)


def registry(*integrations: Integration) -> dict[str, Integration]:
    """Index integrations by kind."""
    return {integration.kind: integration for integration in integrations}
