"""The network at run time: the one module that imports ONNX Runtime."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from domain.errors import ModelError

_ERRORS_ONLY = 3


class Network:
    """A session of `model.onnx`: token ids of equal length in, one vector a text out."""

    def __init__(self, path: Path) -> None:
        """Open `path`. One thread works inside one run; several runs may be under way at once."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = _ERRORS_ONLY
        try:
            self._session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's exceptions share no base class but this
            raise ModelError(f"{path.name} cannot be opened by ONNX Runtime: {error}") from error

    def pooled(self, ids: Sequence[Sequence[int]]) -> npt.NDArray[np.float32]:
        """The first token's state beside the mean over tokens, (texts, 2 * width). All texts are equally long.

        The mean is taken here because ONNX Runtime's own adds in another order when there is one text.
        """
        first, tokens = self._session.run(None, {"input_ids": np.asarray(ids, np.int64)})
        mean = np.add.reduce(tokens, axis=1) / np.float32(tokens.shape[1])
        both: npt.NDArray[np.float32] = np.concatenate([first, mean], axis=1)
        return both
