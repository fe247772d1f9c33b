"""Addresses in settings are checked when they are read, without ever quoting them: some are secrets."""

from urllib.parse import urlsplit


def check_address(url: str, key: str) -> None:
    """Raise ValueError unless it is an http or https address with a host."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and not any(c.isspace() for c in url)
    except ValueError:
        good = False
    if not good:
        raise ValueError(f'{key} must be an address such as "https://example.org/hook"')
