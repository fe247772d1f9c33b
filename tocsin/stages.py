"""The three shapes of a pipeline stage, and no fourth."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from domain.event import Event, Output
from domain.mention import Mention

S = TypeVar("S")


@dataclass(frozen=True)
class Map:
    """One in, any number out; a plain function. An act among them leaves the line here: it is kept as it is."""

    name: str
    run: Callable[[Any], Sequence[Any]]


@dataclass(frozen=True)
class Batch:
    """Many in, as many out in the same order: the model."""

    name: str
    run: Callable[[Sequence[Mention]], list[Mention]]


class Fold(Protocol[S]):
    """(state, event) -> (state, outputs), per brand. State is an immutable msgspec value; time comes in events.

    A MentionEvent among the outputs takes the place of the one that came in; every other output follows it. So
    de-duplication rewrites events for the folds behind it, and rules add alerts to them.
    """

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


Stage = Map | Batch | Fold[Any]
