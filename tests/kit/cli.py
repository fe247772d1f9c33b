"""The command line as a user's shell calls it, and a configuration that listens to the demo's posts."""

import io
import json
import os
import subprocess
import sys
from contextlib import chdir
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from tocsin.cli.main import main
from tocsin.demo import BRANDS, POSTS


class Done(NamedTuple):
    """How a verb ended and what it wrote."""

    returncode: int
    stdout: bytes
    stderr: bytes


def words(*arguments: str) -> list[str]:
    """The command line of a verb."""
    return [sys.executable, "-m", "tocsin.cli.main", *arguments]


def process(*arguments: str, cwd: Path, stdin: bytes = b"", **environ: str) -> Done:
    """Run a verb to its end in a process of its own, as a shell does; output goes to pipes."""
    done = subprocess.run(
        words(*arguments), cwd=cwd, input=stdin, capture_output=True, timeout=110, check=False,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "100", **environ},
    )  # fmt: skip
    return Done(done.returncode, done.stdout, done.stderr)


def tocsin(*arguments: str, cwd: Path, stdin: bytes = b"") -> Done:
    """Run a verb in this process, which is much quicker; for verbs that set up neither logs nor signals."""
    out, err = io.BytesIO(), io.BytesIO()
    streams = sys.stdin, sys.stdout, sys.stderr
    wrap = partial(io.TextIOWrapper, encoding="utf-8", write_through=True)
    sys.stdin, sys.stdout, sys.stderr = io.TextIOWrapper(io.BytesIO(stdin)), wrap(out), wrap(err)
    try:
        with chdir(cwd):
            code = main(arguments)
        return Done(code, out.getvalue(), err.getvalue())
    finally:
        sys.stdin, sys.stdout, sys.stderr = streams


def rows(output: bytes) -> list[dict[str, Any]]:
    """JSON lines, read."""
    return [json.loads(line) for line in output.splitlines()]


def demo_configuration(folder: Path, *, extra: str = "") -> Path:
    """Write tocsin.toml: the demo's brands and posts, a free port, the terminal as receiver."""
    source = f'[[source]]\nkind = "file"\nname = "posts"\npath = {json.dumps(str(POSTS))}\n'
    file = folder / "tocsin.toml"
    file.write_text(
        f'[storage]\npath = "tocsin.db"\n[console]\nport = 0\n{source}{BRANDS.read_text(encoding="utf-8")}{extra}',
        encoding="utf-8",
    )
    return file
