"""A real server as a test holds it: started, awaited, stopped, killed, paused, and gone when the test process is."""

import os
import random
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.kit.docs import ROOT

SERVICES = Path(os.environ.get("TOCSIN_SERVICES", ROOT / ".services"))


def free_port() -> int:
    """A port that nobody listens on, below what the system hands to clients: a restart finds it free again."""
    while True:
        port = random.SystemRandom().randint(20_000, 32_000)
        if not listens(port):
            return port


def listens(port: int) -> bool:
    """Whether somebody takes connections there."""
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def java_home(at_least: int) -> Path | None:
    """The lowest installed Java that is new enough, or nothing. `ES_JAVA_HOME` and `JAVA_HOME` are looked at too."""
    named = [Path(os.environ[name]) for name in ("ES_JAVA_HOME", "JAVA_HOME") if os.environ.get(name)]
    found = {}
    for home in [*named, *Path("/usr/lib/jvm").glob("*")]:
        release = home / "release"
        lines = release.read_text(encoding="utf-8").splitlines() if release.is_file() else []
        for line in lines:
            key, _, value = line.partition("=")
            if key == "JAVA_VERSION" and (home / "bin" / "java").exists():
                found[int(value.strip('"').partition(".")[0])] = home
    return min(((version, home) for version, home in found.items() if version >= at_least), default=(0, None))[1]


class Process:
    """One server over `folder`, listening on `port` of this machine; what it says goes to `folder/server.log`.

    A subclass says how it is prepared, called and asked whether it is ready. Started again after any end, it finds
    its data and its port. Used in a `with`, it is started, ready, and stopped at the end.
    """

    def __init__(self, folder: Path, *, port: int | None = None) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.log = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._leash: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Write what the server reads as it starts."""
        raise NotImplementedError

    def command(self) -> list[str]:
        """What to call."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """Which variables to add."""
        return {}

    def answers(self) -> bool:
        """Whether it serves by now."""
        raise NotImplementedError

    @property
    def running(self) -> bool:
        """Whether the process is there, paused or not."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process it began as; it may have started others."""
        assert self._process is not None, f"{type(self).__name__} was never started"
        return self._process.pid

    def start(self) -> Self:
        """Start it, without waiting; a running one stays."""
        if not self.running:
            self._forget()
            self.folder.mkdir(parents=True, exist_ok=True)
            self.prepare()
            with self.log.open("ab") as log:
                self._process = subprocess.Popen(
                    self.command(),
                    env=os.environ | self.environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            # It ends when the pipe does: however this process dies, the server's whole group dies with it.
            self._leash = subprocess.Popen(
                ["sh", "-c", f"cat; kill -s KILL -- -{self._process.pid}"],
                stdin=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        return self

    def ready(self, seconds: float = 240) -> Self:
        """Wait until it serves.

        Raises:
            RuntimeError: it ended, or took longer than `seconds`; with the end of what it said.
        """
        deadline = time.monotonic() + seconds
        while not self.answers():
            if not self.running or time.monotonic() > deadline:
                why = "took too long to start" if self.running else "ended as it started"
                said = self.log.read_text(errors="replace")[-4000:]
                raise RuntimeError(f"{type(self).__name__} {why}; it said:\n{said}")
            time.sleep(0.1)
        return self

    def stop(self, seconds: float = 60) -> None:
        """Ask it to end (SIGTERM) and wait; what is left after `seconds` is killed."""
        if self._process is not None and self.running:
            self.resume()
            self._process.terminate()
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
        self._forget()

    def kill(self) -> None:
        """End it as a power cut does (SIGKILL), and wait until its port is free."""
        self._signal(signal.SIGKILL)
        self._forget()

    def pause(self) -> None:
        """Let it hang (SIGSTOP): connections stay open and nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on (SIGCONT)."""
        self._signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        try:
            return self.start().ready()
        except BaseException:
            self.kill()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self.running:
            os.killpg(self._process.pid, number)

    def _forget(self) -> None:
        """Pull the leash on what is left of the group, and wait until nothing listens."""
        if self._leash is not None:
            self._leash.communicate()
            self._leash = None
        if self._process is not None:
            self._process.wait()
            self._process = None
            while listens(self.port):
                time.sleep(0.02)
