"""Receivers: each tells people one way, in their language, and says what became of it."""
