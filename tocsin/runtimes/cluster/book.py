"""The brands that one alerter answers for, each with its state as it was last loaded or saved.

Of two alerters that hold one brand, the second to save it is told so; it loads the brand again and goes on from
there. So a process that slept through the loss of its partitions decides nothing twice.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from storage.cluster import BrandState
from storage.elasticsearch.brands import Held


class Brands(Protocol):
    """Where the states of brands live: `storage.elasticsearch.brands.BrandStates`."""

    def load(self, brands: Iterable[str]) -> dict[str, Held]:
        """The states of these brands as they are now; a brand that was never saved is left out."""
        ...

    def save(self, held: Sequence[Held]) -> dict[str, Held | None]:
        """Write each state over the one it was loaded as; by brand, what is held now, or None for a conflict."""
        ...


class Book:
    """`tocsin.runtimes.folds.States` of the brands in hand."""

    def __init__(self, brands: Brands) -> None:
        self._brands = brands
        self._held: dict[str, Held] = {}

    def __contains__(self, brand: str) -> bool:
        return brand in self._held

    def __getitem__(self, brand: str) -> Held:
        return self._held[brand]

    def fold_state(self, fold: str, key: str) -> bytes | None:
        """The encoded state of a fold for a brand in hand."""
        return self._held[key].state.folds.get(fold)

    def fold_keys(self, fold: str) -> list[str]:
        """The brands in hand that the fold has state for."""
        return sorted(brand for brand, held in self._held.items() if fold in held.state.folds)

    def load(self, brands: Iterable[str]) -> list[Held]:
        """Take these brands in hand as they are stored now; return those that were saved before."""
        wanted = list(brands)
        found = self._brands.load(wanted)
        for brand in wanted:
            self._held[brand] = found.get(brand) or Held(state=BrandState(brand=brand))
        return list(found.values())

    def save(self, changed: Sequence[Held]) -> list[str]:
        """Save new states of brands in hand; return the brands that another process has saved meanwhile."""
        behind = []
        for brand, held in self._brands.save(changed).items():
            if held is None:
                behind.append(brand)
            else:
                self._held[brand] = held
        return behind

    def drop(self, where: Callable[[str], bool]) -> list[str]:
        """Let go of the brands for which that holds; return them."""
        dropped = [brand for brand in self._held if where(brand)]
        for brand in dropped:
            del self._held[brand]
        return dropped
