"""What a text says, as two numbers: one equal for equal wording, one close for close wording."""

import re
from itertools import pairwise

import numpy as np
import xxhash
from msgspec import Struct

_NOT_WORDING = re.compile(r"(?:https?://|www\.)\S+|[@＠][\w.\-]+|^\s*rt\b:?|\brt\s*(?=[@＠])", re.IGNORECASE)
_WORD = re.compile(r"\w+")
_WORDS_SEEN = 512
NEAR_WORDS = 5
"""A text of fewer words is only ever equal to another: one word makes too much of it."""


class Fingerprint(Struct, frozen=True):
    """`exact` is equal for equal wording. `simhash` differs in few of its 64 bits for close wording; 0 is none."""

    exact: int
    simhash: int


def fingerprint(text: str, author: str) -> Fingerprint:
    """Fingerprint a text without links, handles and the `RT` before a repost.

    Short texts carry their author: "thank you" from two people are two stories.
    """
    words = _WORD.findall(_NOT_WORDING.sub(" ", text).casefold())
    if len(words) < NEAR_WORDS:
        wording = " ".join(words) or text
        return Fingerprint(_hash(f"{author}\n{wording}"), 0)
    return Fingerprint(_hash(" ".join(words)), _simhash(words[:_WORDS_SEEN]))


def _simhash(words: list[str]) -> int:
    """Hash single words and pairs; each of 64 bits takes the side of the majority."""
    pairs = [f"{one} {two}" for one, two in pairwise(words)]
    hashes = np.fromiter(map(_hash, words + pairs), dtype="<u8", count=len(words) + len(pairs))
    bits = np.unpackbits(hashes.view(np.uint8).reshape(-1, 8), axis=1)
    majority = np.packbits(bits.sum(axis=0, dtype=np.int64) * 2 > len(hashes))
    return int.from_bytes(majority.tobytes(), "little") or 1


def _hash(text: str) -> int:
    return xxhash.xxh3_64_intdigest(text.encode("utf-8", "replace"))
