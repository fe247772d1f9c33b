"""The store, opened for the verbs that read it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from storage.store import Store
    from tocsin.config import Config


@contextmanager
def stored(config: "Config") -> Iterator["Store"]:
    """Open for reading only, so that it works beside a running `tocsin run`."""
    from tocsin.bootstrap import bootstrap

    with bootstrap(config).store(read_only=True) as store:
        yield store
