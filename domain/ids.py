"""Deterministic identifiers: the same thing heard twice gets the same id on every machine."""

from hashlib import blake2b


def stable_id(*parts: str) -> str:
    """Hash the parts, in order, to 32 hexadecimal characters.

    Parts are length-prefixed, so that ("ab", "c") and ("a", "bc") differ.
    """
    digest = blake2b(digest_size=16)
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "big"))
        digest.update(encoded)
    return digest.hexdigest()
