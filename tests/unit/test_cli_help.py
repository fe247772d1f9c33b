import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from tocsin.cli.main import VERBS, main, tocsin

HEAVY = (
    "pydantic",
    "rich",
    "litestar",
    "uvicorn",
    "httpx",
    "numpy",
    "onnxruntime",
    "structlog",
    "sqlite3",
    "asyncio",
)


def command(verb: str) -> click.Command:
    found = tocsin.get_command(click.Context(tocsin), verb)
    assert found is not None
    return found


def test_help_imports_no_heavy_library() -> None:
    program = (
        "import sys; from tocsin.cli.main import main; main(['--help']);"
        f"print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_says_in_one_sentence_what_it_does_and_gives_an_example(verb: str) -> None:
    found = command(verb)
    answer = CliRunner().invoke(found, ["--help"])
    assert answer.exit_code == 0
    assert found.help
    assert "Examples:" in answer.output
    assert f"tocsin {verb}" in answer.output


@pytest.mark.parametrize("verb", VERBS)
def test_the_list_of_verbs_and_the_verb_itself_agree_on_the_name(verb: str) -> None:
    assert command(verb).name == verb
    assert VERBS[verb].does.endswith(".")


def test_a_misspelt_verb_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mention"]) == 2
    assert 'did you mean "mentions"?' in capsys.readouterr().err


def test_no_verb_shows_the_help_and_is_a_misuse(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "classify" in capsys.readouterr().err


def test_a_wrong_option_is_a_misuse_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stats", "--since", "yesterday-ish"]) == 2
    answer = capsys.readouterr()
    assert answer.out == ""
    assert "is not a time" in answer.err


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    assert capsys.readouterr().out.strip()
