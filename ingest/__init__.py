"""Networks in, Posts out: one folder per kind of source, one line in `registry.py`, one polite HTTP client."""
