"""Every file of tests/config_gallery is named after its mistake and ends with the sentences that it must get."""

import tomllib
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from domain.errors import ConfigError
from tocsin.config import json_schema, load

GALLERY = Path(__file__).parents[1] / "config_gallery"
BAD = sorted(GALLERY.glob("*.toml"))
GOOD = sorted((GALLERY / "good").glob("*.toml"))
EXPECTED = "# Expected: "
ENVIRON = {"TOCSIN_GALLERY_SECRET": "s3cret", "PATH": "/bin"}

BEYOND_A_SCHEMA = {
    # What follows needs more than the shape of the file: other tables, the environment, the disk, a query's grammar.
    "account_without_network",
    "hub_folder_with_revision",
    "hub_label_of_another_task",
    "hub_models_of_one_task",
    "open_console_without_token",
    "query_with_unbalanced_bracket",
    "route_to_nobody",
    "same_brand_twice",
    "same_source_twice",
    "secret_file_missing",
    "secret_pasted_as_variable_name",
    "secret_variable_not_set",
}


def expected(file: Path) -> list[str]:
    lines = file.read_text().splitlines()
    return [line.removeprefix(EXPECTED).rstrip() for line in lines if line.startswith(EXPECTED)]


@pytest.mark.parametrize("file", BAD, ids=lambda file: file.stem)
def test_a_bad_configuration_gets_exactly_its_sentences(file: Path) -> None:
    with pytest.raises(ConfigError) as refusal:
        load(file, environ=ENVIRON)
    problems = refusal.value.problems
    wanted = expected(file)
    assert len(problems) == len(wanted), problems
    for sentence in wanted:
        assert any(sentence in problem for problem in problems), problems


@pytest.mark.parametrize("file", BAD, ids=lambda file: file.stem)
def test_no_sentence_repeats_a_secret(file: Path) -> None:
    with pytest.raises(ConfigError) as refusal:
        load(file, environ=ENVIRON)
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize("file", GOOD, ids=lambda file: file.stem)
def test_a_good_configuration_is_accepted_by_loader_and_schema(file: Path) -> None:
    load(file, environ=ENVIRON)
    Draft202012Validator(json_schema()).validate(tomllib.loads(file.read_text()))


@pytest.mark.parametrize(
    "file", [file for file in BAD if file.stem not in BEYOND_A_SCHEMA], ids=lambda file: file.stem
)
def test_a_misshapen_configuration_is_refused_by_the_schema_too(file: Path) -> None:
    try:
        tables = tomllib.loads(file.read_text())
    except tomllib.TOMLDecodeError:
        return
    assert not Draft202012Validator(json_schema()).is_valid(tables)


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(json_schema())
