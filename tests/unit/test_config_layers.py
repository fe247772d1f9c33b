import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from alerting.rules.registry import USUAL_RULES
from domain.errors import ConfigError
from tocsin.config import BrandConfig, load, parse

BRAND = '[[brand]]\nname = "Aurora Air"\n'


def write(folder: Path, text: str) -> Path:
    file = folder / "tocsin.toml"
    file.write_text(text, encoding="utf-8")
    return file


def problems(file: Path, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as refusal:
        load(file, environ=environ)
    return refusal.value.problems


def test_flags_win_over_the_environment_which_wins_over_the_file_which_wins_over_defaults(tmp_path: Path) -> None:
    file = write(tmp_path, BRAND + "[console]\nport = 1\n[runtime]\nbatch_size = 1\nkeep_posts_days = 1\n")
    environ = {"TOCSIN_CONSOLE__PORT": "2", "TOCSIN_RUNTIME__BATCH_SIZE": "2"}
    config = load(file, environ=environ, overrides={"console.port": 3, "model.threads": None})
    assert (config.console.port, config.runtime.batch_size, config.runtime.keep_posts_days) == (3, 2, 1)
    assert config.model.threads == 2


def test_the_file_in_the_working_folder_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, BRAND)
    monkeypatch.chdir(tmp_path)
    assert load(environ={}).brand[0].name == "Aurora Air"


def test_without_a_file_the_remedy_is_init(tmp_path: Path) -> None:
    assert "tocsin init" in problems(tmp_path / "tocsin.toml")[0]


def test_a_misspelt_variable_of_a_known_section_is_a_mistake_not_a_silence(tmp_path: Path) -> None:
    file = write(tmp_path, BRAND)
    found = problems(file, TOCSIN_STORAGE__PAHT="x")
    assert found == ['TOCSIN_STORAGE__PAHT: [storage] has no such setting: did you mean "path"?']


def test_variables_of_others_are_left_alone(tmp_path: Path) -> None:
    load(write(tmp_path, BRAND), environ={"TOCSIN_MODEL_PATH": "x", "TOCSIN_SLACK__TOKEN": "x", "OTHER__PATH": "x"})


def test_nested_settings_come_from_the_environment_too(tmp_path: Path) -> None:
    environ = {"TOCSIN_RUNTIME__INCIDENTS__GROUP_WAIT_SECONDS": "5"}
    assert load(write(tmp_path, BRAND), environ=environ).runtime.incidents.group_wait_seconds == 5


def test_paths_of_the_file_start_at_its_folder_and_paths_of_flags_at_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    source = '[[source]]\nkind = "file"\npath = "history/*.jsonl"\n'
    file = write(tmp_path, BRAND + source + '[storage]\npath = "a.db"\n')
    config = load(file, environ={})
    assert config.storage.path == tmp_path / "a.db"
    assert getattr(config.source[0].config, "path", None) == str(tmp_path / "history/*.jsonl")
    assert load(write(tmp_path, BRAND), environ={}).storage.path == tmp_path / "tocsin.db"
    file = write(tmp_path, BRAND)
    assert load(file, environ={}, overrides={"storage.path": "b.db"}).storage.path == elsewhere / "b.db"
    assert load(file, environ={"TOCSIN_STORAGE__PATH": "c.db"}).storage.path == elsewhere / "c.db"


@pytest.mark.parametrize("way", ['token = "s3cret"', 'token_env = "DUTY_TOKEN"', 'token_file = "token.txt"'])
def test_a_secret_comes_directly_from_the_environment_or_from_a_file_and_prints_as_stars(
    tmp_path: Path, way: str
) -> None:
    (tmp_path / "token.txt").write_text("s3cret\n")
    config = load(write(tmp_path, BRAND + f"[console]\n{way}\n"), environ={"DUTY_TOKEN": "s3cret"})
    assert config.console.token == SecretStr("s3cret")
    assert "s3cret" not in repr(config)


def test_a_higher_layer_may_give_a_secret_in_another_way(tmp_path: Path) -> None:
    file = write(tmp_path, BRAND + '[console]\ntoken_env = "NOT_SET"\n')
    config = load(file, environ={"TOCSIN_CONSOLE__TOKEN": "from-above"})
    assert config.console.token == SecretStr("from-above")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"", "is empty"), (b"\xff\xfe", "not UTF-8"), (b"x" * 70_000, "larger than")],
)
def test_a_secret_file_that_cannot_be_one_is_named(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "token.txt").write_bytes(content)
    found = problems(write(tmp_path, BRAND + '[console]\ntoken_file = "token.txt"\n'))
    assert len(found) == 1
    assert found[0].startswith("console.token_file: ")
    assert sentence in found[0]


@pytest.mark.parametrize("token", ["ключ", "a\\nb"])
def test_a_token_that_no_header_can_carry_is_refused_and_not_printed(tmp_path: Path, token: str) -> None:
    (found,) = problems(write(tmp_path, BRAND + f'[console]\ntoken = "{token}"\n'))
    assert found.startswith("console.token: ")
    assert "printable ASCII" in found
    assert token not in found


def test_an_open_host_with_a_token_is_accepted_and_loopback_needs_none(tmp_path: Path) -> None:
    for console in ('host = "0.0.0.0"\ntoken = "x"', 'host = "localhost"', 'host = "127.0.0.9"', 'host = "::1"'):
        load(write(tmp_path, BRAND + f"[console]\n{console}\n"), environ={})


def test_a_brand_without_a_query_is_looked_for_by_its_name_as_a_phrase(tmp_path: Path) -> None:
    config = load(write(tmp_path, "[[brand]]\nname = 'Say \"hi\" \\ bye'\n"), environ={})
    assert config.brands()[0].query == r'"Say \"hi\" \\ bye"'


def test_without_rules_and_receivers_the_usual_ones_are_on(tmp_path: Path) -> None:
    config = load(write(tmp_path, BRAND), environ={})
    assert [rule.name for rule in config.rule] == [rule["name"] for rule in USUAL_RULES]
    assert [(receiver.kind, receiver.name) for receiver in config.receiver] == [("console", "console")]


def test_a_name_defaults_to_the_kind(tmp_path: Path) -> None:
    config = load(write(tmp_path, BRAND + '[[source]]\nkind = "file"\npath = "a.jsonl"\n'), environ={})
    assert config.source[0].name == "file"


def test_only_the_kinds_that_are_named_are_imported(tmp_path: Path) -> None:
    file = write(tmp_path, BRAND)
    program = (
        f"import sys, pathlib, tocsin.config; tocsin.config.load(pathlib.Path({str(file)!r}));"
        "print([m for m in sys.modules if m.startswith(('ingest.rss', 'ingest.file', 'alerting.notifiers.slack'))])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_windows_line_ends_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    file = tmp_path / "tocsin.toml"
    file.write_bytes(b"\xef\xbb\xbf" + BRAND.replace("\n", "\r\n").encode())
    assert load(file, environ={}).brand[0].name == "Aurora Air"


def test_a_file_in_another_encoding_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "tocsin.toml"
    file.write_bytes('[[brand]]\nname = "Аврора"\n'.encode("cp1251"))
    assert "line 2: is not UTF-8" in problems(file)[0]


def test_a_folder_instead_of_a_file_is_a_sentence(tmp_path: Path) -> None:
    assert "cannot be read" in problems(tmp_path)[0]


def test_tables_read_elsewhere_are_checked_the_same_way(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="brand: none is named"):
        parse({}, folder=tmp_path, environ={})


@pytest.mark.parametrize(
    ("name", "query"),
    [("Škoda", "Škoda"), ("Aurora Air", '"Aurora Air"'), ("Or", '"Or"'), ('Say "Hi"', '"Say \\"Hi\\""')],
)
def test_a_brand_without_a_query_is_looked_for_by_its_name(name: str, query: str) -> None:
    assert BrandConfig(name=name).query == query


def test_a_path_in_a_list_of_tables_starts_at_the_files_folder_too(tmp_path: Path) -> None:
    hub = '[[model.hub]]\ntask = "theme"\npath = "mine"\n[[model.hub]]\ntask = "urgency"\nid = "mine"\n'
    first, second = load(write(tmp_path, BRAND + hub), environ={}).model.hub
    assert (first.path, second.path, second.id) == (tmp_path / "mine", None, "mine")


@pytest.mark.parametrize("written", ["nan", "inf", "-0.1", '"much"'])
def test_a_cut_off_is_a_probability(tmp_path: Path, written: str) -> None:
    assert problems(write(tmp_path, BRAND + f"[model]\nreview_below = {written}\n"))
