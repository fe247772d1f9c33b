"""The encoder at run time: the one module that imports ONNX Runtime."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from domain.errors import ModelError

_ERRORS_ONLY = 3


class Encoder:
    """A session of `encoder.onnx`: token ids of equal length in, one vector a text out."""

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
        """The mean over tokens, (texts, width). All texts have the same number of tokens.

        Pooling is done here because ONNX Runtime's own adds in another order when there is one text.
        """
        (hidden,) = self._session.run(None, {"input_ids": np.asarray(ids, np.int64)})
        mean: npt.NDArray[np.float32] = np.add.reduce(hidden, axis=1) / np.float32(hidden.shape[1])
        return mean
