"""The pure stages, one verb per file: what becomes of a post on its way to a scored mention with a story."""
