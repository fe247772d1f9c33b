"""The store, opened for the verbs that read it or write a little."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from domain.errors import TocsinError

if TYPE_CHECKING:
    from domain.mention import Mention
    from storage.store import MentionStore
    from tocsin.config import Config


@contextmanager
def stored(config: "Config", *, write: bool = False) -> Iterator["MentionStore"]:
    """Open for reading only, so that it works beside a running `tocsin run`; to `write` raises StoreBusy then.

    Opened here and not through the bootstrap, which would import the whole application first.
    """
    from tocsin.storing import open_mentions

    store = open_mentions(config.storage, write=write)
    try:
        yield store
    finally:
        store.close()


def mention_of(store: "MentionStore", beginning: str) -> "Mention":
    """The mention whose id is or begins so; raises TocsinError when there is none or more than one."""
    near = store.mentions_beginning(beginning.strip().lower()) if beginning.strip() else []
    if len(near) == 1:
        return near[0]
    if near:
        raise TocsinError(f"several mentions begin with {beginning}: write more of the id")
    raise TocsinError(f"there is no mention {beginning}: `tocsin mentions` lists them with their ids")
