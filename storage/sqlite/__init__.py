"""The SQLite home: one file, one writing process, any number of readers."""

from storage.sqlite.opening import open_store

__all__ = ["open_store"]
