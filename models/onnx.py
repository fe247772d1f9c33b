"""The network at run time: the one module that imports ONNX Runtime."""

import platform
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from domain.errors import ModelError

_ERRORS_ONLY = 3
_CPUINFO = Path("/proc/cpuinfo")
_X86 = {"x86_64", "amd64"}
_VNNI = {"avx512_vnni", "avx_vnni"}


class Network:
    """A session of `model.onnx`: token ids of equal length in, one vector a text out."""

    def __init__(self, path: Path) -> None:
        """Open `path`. One thread works inside one run; several runs may be under way at once."""
        self._session = opened(path)

    def pooled(self, ids: Sequence[Sequence[int]]) -> npt.NDArray[np.float32]:
        """The first token's state beside the mean over tokens, (texts, 2 * width). All texts are equally long.

        The mean is taken here because ONNX Runtime's own adds in another order when there is one text.
        """
        first, tokens = self._session.run(None, {"input_ids": np.asarray(ids, np.int64)})
        mean = np.add.reduce(tokens, axis=1) / np.float32(tokens.shape[1])
        both: npt.NDArray[np.float32] = np.concatenate([first, mean], axis=1)
        return both


def opened(path: Path) -> ort.InferenceSession:
    """A session of the network at `path` whose sums are whole on this processor. ModelError when it is not one."""
    try:
        if not saturates():
            return session(path)
        from models.unsigned import with_unsigned_weights  # protobuf, only where it is needed

        return session(with_unsigned_weights(path.read_bytes()))
    except Exception as error:  # ONNX Runtime's exceptions share no base class but this
        raise ModelError(f"{path.name} cannot be opened by ONNX Runtime: {error}") from error


def saturates(machine: str = "", cpuinfo: Path = _CPUINFO) -> bool:
    """Whether ONNX Runtime cuts off sums of unsigned times signed bytes; true where the processor does not say.

    On x86 without VNNI it adds them in pairs of 16 bits. `machine` is this one when not given.
    """
    if (machine or platform.machine()).lower() not in _X86:
        return False
    try:
        flags = [line.split() for line in cpuinfo.read_text().splitlines() if line.startswith("flags")]
    except OSError:
        return True
    return not flags or any(_VNNI.isdisjoint(of) for of in flags)


def session(model: Path | bytes) -> ort.InferenceSession:
    """A session of `model` as it is."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    made = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    made._model_bytes = None  # noqa: SLF001  # 37 MB, kept for a change of providers
    return made
