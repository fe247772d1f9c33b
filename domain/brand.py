"""A brand to listen for."""

from msgspec import Struct


class Brand(Struct, frozen=True, kw_only=True):
    """A name, the Lucene query that finds it, its own accounts (`network:handle`) and its rivals' names."""

    name: str
    query: str
    accounts: tuple[str, ...] = ()
    rivals: tuple[str, ...] = ()
