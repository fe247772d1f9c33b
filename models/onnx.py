"""The encoder at run time: the one module that imports ONNX Runtime."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from domain.errors import ModelError

_ERRORS_ONLY = 3


class Encoder:
    """A session of `encoder.onnx`: token ids of equal length in, one vector a text and layer out."""

    def __init__(self, path: Path, *, threads: int) -> None:
        """Open `path`. `threads` work inside one run; they sleep between runs rather than spin."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _ERRORS_ONLY
        options.enable_cpu_mem_arena = False
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's exceptions share no base class but this
            raise ModelError(f"{path.name} cannot be opened by ONNX Runtime: {error}") from error
        self.outputs: list[str] = [output.name for output in self._session.get_outputs()]

    def pooled(self, ids: Sequence[Sequence[int]]) -> list[npt.NDArray[np.float32]]:
        """The mean over tokens for each output: arrays of (texts, width). All texts have the same number of tokens.

        Pooling is done here because ONNX Runtime's own adds in another order when there is one text.
        """
        hidden = self._session.run(None, {"input_ids": np.asarray(ids, np.int64)})
        return [np.add.reduce(states, axis=1) / np.float32(states.shape[1]) for states in hidden]
