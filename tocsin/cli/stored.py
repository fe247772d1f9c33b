"""The store, opened for the verbs that read it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from storage.store import Store
    from tocsin.config import Config


@contextmanager
def stored(config: "Config") -> Iterator["Store"]:
    """Open for reading only, so that it works beside a running `tocsin run`.

    Opened here and not through the bootstrap, which would import the whole application first.
    """
    from storage.sqlite import open_store

    store = open_store(config.storage.path, read_only=True)
    try:
        yield store
    finally:
        store.close()
