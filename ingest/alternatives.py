"""Alternatives of a brand's query put side by side, for a network's own search that takes only so many characters."""

from collections.abc import Sequence

from domain.errors import SourceMisconfigured


def side_by_side(terms: Sequence[str], *, room: int, network: str) -> list[str]:
    """`one OR other OR third`, as few as possible, each of at most `room` characters; one empty one for no terms.

    Raises SourceMisconfigured, in the name of the network, where a term alone is longer.
    """
    packed = [""]
    for term in dict.fromkeys(terms):
        if len(term) > room:
            raise SourceMisconfigured(f"a phrase of a brand is longer than {network} takes in a query: {term:.60}...")
        longer = f"{packed[-1]} OR {term}" if packed[-1] else term
        if len(longer) <= room:
            packed[-1] = longer
        else:
            packed.append(term)
    return packed
