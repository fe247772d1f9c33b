"""`tocsin evaluate` on small files, with a judge that reads single words."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

import models
from domain.judgement import Judgeable
from storage.sqlite import open_store
from storage.store import Commit
from tests.kit.cli import Done, demo_configuration, rows, tocsin
from tests.kit.console import mention
from tests.kit.stores import correct
from tests.kit.words import WeighingJudge

TEXTS: list[dict[str, Any]] = [
    {
        "text": "terrible fire, help",
        "lang": "en",
        "brand": "Aurora Air",
        "sentiment": "negative",
        "urgency": "critical",
    },
    {
        "text": "terrible queue",
        "lang": "en",
        "label": "negative",
        "urgency": "normal",
        "network": "x",
        "toxic": False,
    },
    {"text": "ужасно", "lang": "ru", "label": "positive", "urgency": "low"},
    {"text": "sehr gut", "lang": "de", "sentiment": "positive", "toxic": False},
    {"text": "nobody labelled this"},
]


@pytest.fixture(autouse=True)
def _words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "load", lambda _path=None, **_: WeighingJudge())


def written(folder: Path, *lines: object, name: str = "labelled.jsonl") -> Path:
    file = folder / name
    text = "".join((line if isinstance(line, str) else json.dumps(line, ensure_ascii=False)) + "\n" for line in lines)
    file.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return file


def evaluated(folder: Path, *arguments: str) -> tuple[Done, dict[str, Any]]:
    done = tocsin("evaluate", *arguments, "--json", cwd=folder)
    return done, rows(done.stdout)[0] if done.stdout else {}


def test_the_report_has_every_task_overall_and_per_language(tmp_path: Path) -> None:
    done, report = evaluated(tmp_path, str(written(tmp_path, *TEXTS)))
    assert done.returncode == 0, done.stderr.decode()
    assert (report["texts"], report["unlabelled"], report["model"]) == (4, 1, "weighing-1")
    sentiment, urgency = report["tasks"]
    assert (sentiment["task"], urgency["task"]) == ("sentiment", "urgency")
    assert sentiment["overall"]["accuracy"] == 0.5
    assert sentiment["groups"]["en"]["macro_f1"] == 1
    assert sentiment["groups"]["ru"]["accuracy"] == 0
    assert (sentiment["overall"]["unscored"], sentiment["reasons"]) == (1, {"the language is not known": 1})
    assert urgency["overall"]["alarm"]["recall"] == 1
    assert report["silent"] == ["toxicity"]


def test_calibrated_measures_the_judge_as_people_corrected_it(tmp_path: Path) -> None:
    demo_configuration(tmp_path)
    store = open_store(tmp_path / "tocsin.db")
    judge = WeighingJudge()
    for number in range(80):
        known = mention(number)
        text = f"{('slow', 'slow thanks', 'terrible', 'hm')[number % 4]} {number}"
        (said,) = judge.classify([Judgeable(text, known.brand, "en")])
        told = replace(known, post=replace(known.post, text=text), judgement=said)
        store.commit(Commit(mentions=[told]))
        store.keep(correct(told, act_id=str(number), sentiment="neutral" if number % 4 == 3 else "negative"))
    store.close()
    labelled = str(
        written(tmp_path, {"text": "slow thanks", "lang": "en", "brand": "Aurora Air", "label": "negative"})
    )
    plain, calibrated = (
        evaluated(tmp_path, labelled, "-c", "tocsin.toml", *more)[1] for more in ([], ["--calibrated"])
    )
    assert plain["model"] == "weighing-1"
    assert calibrated["model"].startswith("weighing-1+deployment-")
    assert [report["tasks"][0]["overall"]["accuracy"] for report in (plain, calibrated)] == [0, 1]
    refused = tocsin("evaluate", labelled, "--calibrated", "--model", "elsewhere", cwd=tmp_path)
    assert (refused.returncode, b"leave --model out" in refused.stderr) == (2, True)


def test_groups_may_be_brands_networks_and_sources(tmp_path: Path) -> None:
    file = str(written(tmp_path, *TEXTS))
    assert set(evaluated(tmp_path, file, "--by", "brand")[1]["tasks"][0]["groups"]) == {"Aurora Air", "–"}
    assert set(evaluated(tmp_path, file, "--by", "network")[1]["tasks"][0]["groups"]) == {"x", "–"}
    assert set(evaluated(tmp_path, file, "--by", "source")[1]["tasks"][0]["groups"]) == {"–"}


def test_a_configuration_says_which_model_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, dict[str, Any]]] = []

    def load(path: Path | None = None, **more: Any) -> WeighingJudge:
        asked.append((path, more))
        return WeighingJudge()

    monkeypatch.setattr(models, "load", load)
    demo_configuration(tmp_path, extra='[model]\nthreads = 3\npath = "other"\n')
    file = str(written(tmp_path, *TEXTS))
    assert evaluated(tmp_path, file, "--config", "tocsin.toml")[1]["texts"] == 4
    assert evaluated(tmp_path, file, "--config", "tocsin.toml", "--model", "mine", "--threads", "2")[1]["texts"] == 4
    assert evaluated(tmp_path, file, "--model", "mine")[1]["texts"] == 4
    assert [(path.name, more["threads"]) for path, more in asked] == [("other", 3), ("mine", 2), ("mine", 1)]


def test_packed_files_and_stdin_are_read_as_well(tmp_path: Path) -> None:
    file = written(tmp_path, *TEXTS, name="labelled.jsonl.gz")
    assert evaluated(tmp_path, str(file), str(file))[1]["texts"] == 8
    done = tocsin("evaluate", "-", "--json", cwd=tmp_path, stdin=gzip.decompress(file.read_bytes()))
    assert rows(done.stdout)[0]["texts"] == 4


def test_what_cannot_be_read_is_named_with_file_and_line_and_the_rest_goes_on(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        TEXTS[0],
        "{broken",
        {"text": "fine", "sentiment": "mixed", "urgency": "low"},
        {"text": "fine", "label": "medium"},
        {"text": "fine", "label": "low", "toxic": "yes"},
        {"sentiment": "negative"},
        TEXTS[1],
    )
    done, report = evaluated(tmp_path, str(file))
    complaints = rows(done.stderr)
    assert done.returncode == 1
    assert [(one["file"], one["line"]) for one in complaints] == [(str(file), line) for line in (2, 3, 4, 5, 6)]
    for word, one in zip(
        ("not JSON", '"mixed"', '"medium"', '"toxic"', '"text" is missing'), complaints, strict=True
    ):
        assert word in one["error"]
    counted = {task["task"]: task["overall"]["texts"] for task in report["tasks"]}
    assert (report["bad"], counted) == (5, {"sentiment": 2, "urgency": 4}), "one bad label takes no other with it"


def test_a_packed_file_that_breaks_off_is_named_and_what_came_before_counts(tmp_path: Path) -> None:
    file = tmp_path / "short.jsonl.gz"
    many = b"".join(b'{"text": "terrible %d", "label": "negative", "lang": "en"}\n' % n for n in range(5000))
    file.write_bytes(gzip.compress(many)[:-100])
    done, report = evaluated(tmp_path, str(file))
    assert done.returncode == 1
    assert "ends in the middle" in rows(done.stderr)[-1]["error"]
    assert 0 < report["texts"] < 5000


def test_without_a_labelled_text_there_is_nothing_to_measure(tmp_path: Path) -> None:
    done, _ = evaluated(tmp_path, str(written(tmp_path, {"text": "no label", "label": None})))
    assert (done.returncode, done.stdout) == (1, b"")
    assert "no labelled text" in done.stderr.decode()


def test_a_file_that_is_not_there_is_a_misuse(tmp_path: Path) -> None:
    assert tocsin("evaluate", "absent.jsonl", cwd=tmp_path).returncode == 2


@pytest.mark.parametrize("columns", [80, 120])
def test_the_page_fits_the_terminal_and_says_what_counts(
    tmp_path: Path, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    theme = [{"text": f"terrible {n}", "lang": "en", "theme": "outage", "brand": "x" * 300} for n in range(3)]
    done = tocsin("evaluate", str(written(tmp_path, *TEXTS, *theme)), "--by", "brand", cwd=tmp_path)
    page = done.stdout.decode()
    assert all(len(line) <= columns for line in page.splitlines())
    for words in (
        "7 labelled texts, judged by weighing-1", "Sentiment", "Urgency", "Theme", "macro-F1",
        "Unscored texts count as missed: 1 the language is not known", "Critical: 1 of 1 found",
        "The model says nothing of toxicity", "1 text without a label",
    ):  # fmt: skip
        assert words in " ".join(page.split()), words
