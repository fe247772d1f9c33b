"""What a text says, as two numbers: one equal for equal wording, one close for close wording."""

import re

import numpy as np
from msgspec import Struct
from xxhash import xxh3_64_intdigest

_LINK = re.compile(r"(?:https?://|www\.)\S+")
_HANDLE = re.compile(r"[@＠][\w.\-]+")
_WORD = re.compile(r"\w+")
_WORDS_SEEN = 512
SHORT, LONG = 5, 8
"""Texts below SHORT words are told apart by their author too; texts of LONG words and more can be near each other."""

_ODD = np.uint64(0x9E3779B97F4A7C15)
_ROTATED = np.uint64(31)


class Fingerprint(Struct, frozen=True):
    """`exact` is equal for equal wording. `simhash` differs in few of its 64 bits for close wording; 0 is none."""

    exact: int
    simhash: int


def fingerprint(text: str, author: str) -> Fingerprint:
    """Fingerprint a text without links, handles and the `RT` before a repost.

    Short texts carry their author: "thank you" from two people are two stories.
    """
    words = _words(text.casefold())
    wording = " ".join(words) or text
    if len(words) < SHORT:
        wording = f"{author}\n{wording}"
    encoded = wording.encode("utf-8", "replace")
    return Fingerprint(xxh3_64_intdigest(encoded), _simhash(encoded.split(b" ")) if len(words) >= LONG else 0)


def _words(text: str) -> list[str]:
    if "://" in text or "www." in text:
        text = _LINK.sub(" ", text)
    if "@" in text or "＠" in text:
        text = _HANDLE.sub(" ", text)
    words = _WORD.findall(text)
    return [word for word in words if word != "rt"] if "rt" in words else words


def _simhash(words: list[bytes]) -> int:
    """Hash single words and pairs of neighbours; each of 64 bits takes the side of the majority."""
    count = min(len(words), _WORDS_SEEN)
    hashes = np.fromiter(map(xxh3_64_intdigest, words), dtype="<u8", count=count)
    left, right = hashes[:-1], hashes[1:]
    pairs = ((left << _ROTATED) ^ right) * _ODD
    features = np.concatenate((hashes, pairs ^ (pairs >> _ROTATED)))
    # A third of the time that unpacking by rows and `sum` take.
    votes = np.add.reduce(np.unpackbits(features.view(np.uint8)).reshape(-1, 64), axis=0, dtype=np.int64)
    majority = np.packbits(votes * 2 > len(features))
    return int.from_bytes(majority.tobytes(), "little") or 1
