"""One function that answers whatever path a scripted server is asked for."""

from typing import Any

from tests.kit.scripted_http import Answerer, Told


class AnyPath(dict[str, Told | Answerer]):
    """In place of a scripted server's answers by path."""

    def __init__(self, answer: Answerer) -> None:
        super().__init__()
        self._answer = answer

    def get(self, _path: str, _default: Any = None) -> Answerer:
        """Give the function."""
        return self._answer
