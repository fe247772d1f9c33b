"""One contract, `storage.store`, and its homes: SQLite for one process, Elasticsearch for many, memory for trials."""
