"""Reading a query leaves nothing behind and says nothing, on a machine where nothing was ever generated."""

import subprocess
import sys
from pathlib import Path

import luqum


def test_the_first_query_of_a_machine_writes_no_file_and_warns_nobody(tmp_path: Path) -> None:
    fresh = tmp_path / "luqum"
    fresh.mkdir()
    for module in Path(luqum.__file__).parent.glob("*.py"):
        if module.name != "parsetab.py":
            (fresh / module.name).write_bytes(module.read_bytes())
    before = sorted(file.name for file in fresh.iterdir())
    script = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); sys.dont_write_bytecode = True\n"
    script += "from domain.query import compile_query; print(compile_query('aurora AND air').text)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True
    )
    assert done.stdout == "aurora AND air\n"
    assert done.stderr == ""
    assert sorted(file.name for file in fresh.iterdir()) == before
