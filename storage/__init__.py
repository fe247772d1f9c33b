"""One contract, `storage.store.Store`, and its homes: SQLite for real work, memory for trying things out."""
