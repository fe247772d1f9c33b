"""The cluster's processes for tests: configuration, start and death; a judge of words in place of the model.

`python -m tests.kit.cluster VERB --config FILE ...` is `tocsin VERB ...` but for the judge.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from tests.kit.engine import WordClassifier

ROOT = Path(__file__).parents[2]


def configuration(
    *, kafka: str, elastic: str, topics: str, indices: str, partitions: int = 2, receiver: str = "", extra: str = ""
) -> str:
    """Write tocsin.toml for the cluster, but for brands and sources: those are `extra`."""
    text = f"""
[storage]
kind = "elasticsearch"
urls = [{json.dumps(elastic)}]
prefix = {json.dumps(indices)}
replicas = 0
[kafka]
servers = [{json.dumps(kafka)}]
prefix = {json.dumps(topics)}
partitions = {partitions}
[console]
port = 0
"""
    if receiver:
        text += f"""
[[receiver]]
kind = "webhook"
name = "desk"
url = {json.dumps(receiver)}
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
[[route]]
receiver = "desk"
severity = "minor"
"""
    return text + extra


@dataclass
class Worker:
    """One process of the cluster, and its log."""

    verb: str
    config: Path
    log: Path
    words: Sequence[str] = ()
    model: bool = False
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> "Worker":
        """Start it, or start it again."""
        module = "tocsin.cli.main" if self.model else "tests.kit.cluster"
        command = [sys.executable, "-m", module, self.verb, *self.words, "--config", str(self.config)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
        return self

    @property
    def running(self) -> subprocess.Popen[bytes]:
        """The process."""
        assert self.process is not None, f"{self.verb} was never started"
        return self.process

    def kill(self) -> None:
        """SIGKILL."""
        if self.running.poll() is None:
            os.kill(self.running.pid, signal.SIGKILL)
        self.running.wait()

    def pause(self) -> None:
        """SIGSTOP."""
        os.kill(self.running.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        os.kill(self.running.pid, signal.SIGCONT)

    def stop(self, seconds: float = 30) -> int:
        """SIGTERM; the exit status."""
        if self.running.poll() is None:
            self.running.terminate()
        return self.running.wait(seconds)

    def finish(self, seconds: float) -> None:
        """Wait until it ends by itself, and well."""
        try:
            status = self.running.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.verb} does not end: {self.said()}") from None
        assert status == 0, f"{self.verb} ended with {status}: {self.said()}"

    def said(self, characters: int = 3_000) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-characters:]


@contextmanager
def workers(folder: Path, config: Path, verbs: Sequence[str], *, model: bool = False) -> Iterator[dict[str, Worker]]:
    """Start these verbs, each with its words (`"alert --until-idle"`); what still runs at the end dies."""
    found: dict[str, Worker] = {}
    try:
        for place, said in enumerate(verbs):
            verb, *words = said.split()
            name = verb if verb not in found else f"{verb}-{place}"
            found[name] = Worker(verb, config, folder / f"{name}.log", words, model).start()
        yield found
    finally:
        for worker in found.values():
            if worker.process is not None and worker.process.poll() is None:
                worker.process.send_signal(signal.SIGCONT)
                worker.process.kill()
                worker.process.wait()


def finished(
    folder: Path, config: Path, verbs: Sequence[str], *, model: bool = False, seconds: float = 120
) -> dict[str, Worker]:
    """Run these verbs side by side to their ends, and all of them well."""
    with workers(folder, config, verbs, model=model) as running:
        for worker in running.values():
            worker.finish(seconds)
    return running


def main() -> int:
    """Run the verb with a judge of words."""
    from tocsin.bootstrap_cluster import ClusterApp
    from tocsin.cli.main import main as tocsin

    with mock.patch.object(ClusterApp, "base_classifier", return_value=WordClassifier()):
        return tocsin(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
