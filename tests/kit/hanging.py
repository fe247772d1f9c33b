"""`python -m tests.kit.hanging process --config FILE`: `tocsin process` with a judge that never answers."""

import sys
import time
from collections.abc import Sequence
from functools import partial
from typing import NoReturn
from unittest import mock

from domain.judgement import Judgeable
from tests.kit.engine import WordClassifier


class Silent(WordClassifier):
    """Waits for ever."""

    def classify(self, texts: Sequence[Judgeable]) -> NoReturn:
        del texts
        while True:
            time.sleep(60)


def main() -> int:
    """Run the verb; a process without progress for three seconds is given up, and has three more to end."""
    from tocsin import bootstrap_cluster
    from tocsin.cli.main import main as tocsin
    from tocsin.runtimes.cluster import watch

    with (
        mock.patch.object(bootstrap_cluster.ClusterApp, "base_classifier", return_value=Silent()),
        mock.patch.object(bootstrap_cluster, "Watch", partial(watch.Watch, patience=3)),
        mock.patch.object(watch, "_LOOK_EVERY", 0.5),
        mock.patch.object(watch, "_LAST_WORDS", 3),
    ):
        return tocsin(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
