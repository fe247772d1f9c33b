"""The shape of a rule and of the incidents: (state, event) -> (state, outputs); what the runtime calls a fold."""

from datetime import datetime
from typing import Any, Protocol, TypeVar

from domain.event import Event, Output

S = TypeVar("S")


class Fold(Protocol[S]):
    """A pure decision per brand. State is an immutable msgspec value; time comes in events, never from a clock."""

    @property
    def name(self) -> str:
        """Unique; the stored state is found by it."""
        ...

    @property
    def accepts(self) -> tuple[type, ...]:
        """The event types it wants."""
        ...

    @property
    def state_type(self) -> type[S]:
        """What msgspec decodes a stored state to."""
        ...

    def initial(self) -> S:
        """The state of a brand never heard of."""
        ...

    def step(self, state: S, event: Event) -> tuple[S, list[Output]]:
        """Take one event in; pure."""
        ...

    def due(self, state: S) -> datetime | None:
        """When a Tick is wanted next, if at all."""
        ...


AnyFold = Fold[Any]
