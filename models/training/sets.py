"""Reading the public sets that train and evaluate, and holding parts of them out by their text."""

import hashlib


def fraction(text: str) -> float:
    """A number in [0, 1) that depends on the text alone: what is held out today is held out tomorrow."""
    return int(hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8], 16) / 2**32
