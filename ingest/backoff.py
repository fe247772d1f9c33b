"""How long to wait when the provider does not say: full-jitter exponential back-off."""

from random import Random

_STRONGEST = 32


class Backoff:
    """Delays between 0 and a ceiling which doubles with each failure in a row: `floor`, 2 x `floor`, ... `cap`.

    Full jitter (any delay up to the ceiling is as likely) keeps many clients from coming back at once.
    """

    def __init__(self, random: Random, *, floor: float = 1.0, cap: float = 300.0) -> None:
        self._random = random
        self._floor = floor
        self._cap = cap
        self._failures = 0

    def next_delay(self) -> float:
        """Count one more failure; return how many seconds to wait."""
        ceiling = min(self._cap, self._floor * 2 ** min(self._failures, _STRONGEST))
        self._failures += 1
        return self._random.uniform(0, ceiling)

    def reset(self) -> None:
        """It worked: the next failure is a first one."""
        self._failures = 0
