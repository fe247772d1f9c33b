"""One writing process per database: an advisory lock beside it, freed by the kernel however the process ends."""

import fcntl
import os
from pathlib import Path

from domain.errors import StoreBusy, StoreError


class WriterLock:
    """Holds `<database>.lock` exclusively until released. Raises StoreBusy naming who has it."""

    def __init__(self, database: Path) -> None:
        path = database.with_name(f"{database.name}.lock")
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(
                f"cannot make {path} ({error.strerror}): give this user the right to write in {path.parent}"
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._file, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._file)
            raise StoreBusy(
                f"another tocsin (pid {holder}) works on this database: {database}. "
                "Stop it, or give this one a [storage] path of its own"
            ) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let the next writer in. The file stays: removing it would let two in at once."""
        os.close(self._file)
