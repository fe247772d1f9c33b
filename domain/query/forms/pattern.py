"""What the forms of a word look like: a stem and the endings it may take."""

from msgspec import Struct

NO_HEADS: frozenset[str] = frozenset()
BARE = frozenset({""})


def endings(listed: str) -> frozenset[str]:
    """Read a list of endings separated by spaces."""
    return frozenset(listed.split())


class Pattern(Struct, frozen=True, gc=False):
    """Words made of one of `heads` (none: nothing before the stem), `stem`, and one of `tails`.

    `heads` and `tails` are shared between words, so that ten thousand brands stay small.
    """

    stem: str
    tails: frozenset[str]
    heads: frozenset[str] = NO_HEADS

    def accepts(self, word: str) -> bool:
        """Whether the folded `word` is one of these forms."""
        if not self.heads:
            return word.startswith(self.stem) and word[len(self.stem) :] in self.tails
        at = word.find(self.stem)
        while at >= 0:
            if word[at + len(self.stem) :] in self.tails and word[:at] in self.heads:
                return True
            at = word.find(self.stem, at + 1)
        return False
