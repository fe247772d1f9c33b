"""Every verb as a shell calls it, on the posts of the demo."""

import csv
import json
import os
import signal
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from tests.kit.cli import demo_configuration, process, rows, tocsin, words
from tocsin.demo import POSTS

pytestmark = pytest.mark.xdist_group("cli")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose database holds the demo's posts."""
    folder = tmp_path_factory.mktemp("cli")
    demo_configuration(folder)
    done = process("run", "--until-idle", cwd=folder)
    assert done.returncode == 0, done.stderr.decode()
    return folder


def test_run_says_what_it_listens_to_and_what_came_of_it(filled: Path) -> None:
    done = process("run", "--until-idle", cwd=filled)
    said = done.stderr.decode()
    assert done.returncode == 0
    assert "Listening for Shugyla Bank, Aurora Air, Borealis Jet" in said
    assert "posts (file)" in said
    assert "http://127.0.0.1:" in said
    assert "Done: 0 new posts" in said, "a second run adds nothing"


def test_mentions_are_found_by_every_filter(filled: Path) -> None:
    found = rows(tocsin("mentions", "--json", "--limit", "1000", cwd=filled).stdout)
    assert len(found) > 150
    russian = rows(
        tocsin("mentions", "--brand", "Shugyla Bank", "--lang", "ru", "--json", "--limit", "1000", cwd=filled).stdout
    )
    assert russian
    assert {(m["brand"], m["lang"]) for m in russian} == {("Shugyla Bank", "ru")}
    worded = rows(tocsin("mentions", "--query", "регулятор", "--json", cwd=filled).stdout)
    assert worded
    assert all("егулятор" in m["post"]["text"] for m in worded)
    dated = rows(tocsin("mentions", "--since", "2025-10-06", "--until", "2025-10-07", "--json", cwd=filled).stdout)
    assert {m["event_at"][:10] for m in dated} == {"2025-10-06"}


def test_mentions_are_readable_without_json(filled: Path) -> None:
    done = tocsin("mentions", "--limit", "3", cwd=filled)
    assert done.returncode == 0
    assert "https://" in done.stdout.decode()
    assert "The latest 3 of" in done.stderr.decode()


def test_a_bad_query_is_a_misuse_with_its_place(filled: Path) -> None:
    done = tocsin("mentions", "--query", '("aurora air"', cwd=filled)
    assert done.returncode == 2
    assert "query: " in done.stderr.decode()
    assert "at character" in done.stderr.decode()
    assert b"Traceback" not in done.stderr


def test_stats_compare_the_brands(filled: Path) -> None:
    found = rows(tocsin("stats", "--json", cwd=filled).stdout)
    assert [row["brand"] for row in found] == ["Shugyla Bank", "Aurora Air", "Borealis Jet"]
    assert "Share of voice" in tocsin("stats", cwd=filled).stdout.decode()


def test_incidents_are_listed_and_one_is_explained(filled: Path) -> None:
    found = rows(tocsin("incidents", "--json", cwd=filled).stdout)
    assert "Shugyla Bank" in {incident["brand"] for incident in found}
    worst = next(incident for incident in found if incident["brand"] == "Shugyla Bank")
    page = tocsin("incidents", "show", worst["id"][:8], cwd=filled)
    assert page.returncode == 0, page.stderr.decode()
    assert "Timeline" in page.stdout.decode()
    assert rows(tocsin("incidents", "show", worst["id"], "--json", cwd=filled).stdout) == [worst]
    assert tocsin("incidents", "show", "nosuch", cwd=filled).returncode == 1


def test_check_config_and_doctor_find_all_well(filled: Path) -> None:
    checked = tocsin("check-config", cwd=filled)
    assert (checked.returncode, b"is fine" in checked.stderr) == (0, True)
    findings = rows(tocsin("doctor", "--json", cwd=filled).stdout)
    assert {finding["part"] for finding in findings} == {"store", "model", "source", "receiver"}
    assert all(finding["ok"] for finding in findings), findings


def test_doctor_fails_when_a_part_does_and_still_shows_the_others(tmp_path: Path) -> None:
    demo_configuration(tmp_path, extra='[[source]]\nkind = "file"\nname = "absent"\npath = "nosuch.jsonl"\n')
    done = tocsin("doctor", "--json", cwd=tmp_path)
    found = {finding["name"]: finding["ok"] for finding in rows(done.stdout)}
    assert done.returncode == 1
    assert (found["posts"], found["absent"]) == (True, False)


def test_try_shows_mentions_and_stores_nothing(tmp_path: Path) -> None:
    demo_configuration(tmp_path)
    done = tocsin("try", "--limit", "20", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr.decode()
    assert {mention["brand"] for mention in rows(done.stdout)} >= {"Shugyla Bank", "Aurora Air"}
    assert "posts: 20 posts fetched" in done.stderr.decode()
    assert not (tmp_path / "tocsin.db").exists()


def test_try_knows_the_names_of_the_sources(tmp_path: Path) -> None:
    demo_configuration(tmp_path)
    done = tocsin("try", "--source", "post", cwd=tmp_path)
    assert done.returncode == 2
    assert 'did you mean "posts"?' in done.stderr.decode()


def test_classify_keeps_order_and_fields_and_goes_on_after_a_bad_line(tmp_path: Path) -> None:
    written = [
        '{"id": 7, "text": "Мне не вернули деньги за отменённый билет!", "brand": "Aurora Air", "x": {"a": [1.50]}}',
        "not json",
        '{"id": "b", "text": "Wonderful flight, thank you Aurora Air!", "lang": "en"}',
        "",
        '{"id": "c"}',
        '{"id": "d", "text": ""}',
    ]
    done = tocsin("classify", cwd=tmp_path, stdin="\n".join(written).encode())
    assert done.returncode == 1
    found = rows(done.stdout)
    assert [row["id"] for row in found] == [7, "b", "d"]
    assert b'"x":{"a": [1.50]}' in done.stdout
    first = found[0]
    assert first["lang"] == "ru"
    assert set(first["sentiment_scores"]) == {"negative", "neutral", "positive"}
    assert set(first["urgency_scores"]) == {"low", "normal", "high", "critical"}
    assert sum(first["sentiment_scores"].values()) == pytest.approx(1, abs=1e-3)
    assert first["theme"]
    assert found[2]["sentiment"] == "unscored"
    complaints = rows(done.stderr)
    assert [complaint["line"] for complaint in complaints] == [2, 5]


def test_classify_without_a_model_names_the_command_that_builds_it(tmp_path: Path) -> None:
    done = tocsin("classify", "--model", "nosuch", cwd=tmp_path, stdin=b"{}")
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert b"tocsin: " in done.stderr


def test_match_names_the_brands_of_each_post(tmp_path: Path) -> None:
    demo_configuration(tmp_path)
    written = [
        '{"id": 1, "text": "Шұғыланың қосымшасы ашылмайды"}',
        '{"id": "2", "text": "Cracked landing gear at Borealis Jet. Aurora Air looks fine now", "author": "inna"}',
        '{"text": "nothing here"}',
        '{"id": 4}',
    ]
    done = tocsin("match", cwd=tmp_path, stdin="\n".join(written).encode())
    found = rows(done.stdout)
    assert done.returncode == 1
    assert [row["id"] for row in found] == [1, "2", None]
    assert [{brand["name"] for brand in row["brands"]} for row in found] == [
        {"Shugyla Bank"},
        {"Borealis Jet", "Aurora Air"},
        set(),
    ]
    assert all(brand["matched"] for row in found for brand in row["brands"])
    assert [complaint["line"] for complaint in rows(done.stderr)] == [4]


def test_backfill_loads_history_once_and_wakes_nobody(tmp_path: Path) -> None:
    demo_configuration(tmp_path)
    history = tmp_path / "history.csv"
    posts = [json.loads(line) for line in POSTS.read_text(encoding="utf-8").splitlines()]
    with history.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["nr", "body", "date"])
        writer.writerows([post["id"], post["text"], post["created_at"]] for post in posts)
    mapped = ["--map", "text=body", "--map", "id=nr", "--map", "created_at=date", "--network", "vk"]
    first = process("backfill", "history.csv", *mapped, cwd=tmp_path)
    assert first.returncode == 0, first.stderr.decode()
    assert "160 new posts" in first.stderr.decode()
    again = process("backfill", "history.csv", *mapped, cwd=tmp_path)
    assert ": 0 new posts" in again.stderr.decode()
    assert rows(tocsin("incidents", "--json", cwd=tmp_path).stdout) == []
    found = rows(tocsin("mentions", "--json", "--limit", "1", cwd=tmp_path).stdout)
    assert (found[0]["post"]["network"], found[0]["post"]["origin"]) == ("vk", "backfill")


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["nosuch.csv"], 1, "nosuch.csv"),
        (["tocsin.toml", "--map", "text"], 2, "FIELD=COLUMN"),
        (["tocsin.toml", "--map", "txt=body"], 2, "txt"),
    ],
)
def test_a_backfill_that_cannot_be_is_a_sentence(
    tmp_path: Path, arguments: list[str], code: int, sentence: str
) -> None:
    demo_configuration(tmp_path)
    done = process("backfill", *arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr.decode()
    assert sentence in done.stderr.decode()
    assert b"Traceback" not in done.stderr


def test_dead_letters_say_what_is_wrong_where_and_are_tried_again(tmp_path: Path) -> None:
    demo_configuration(tmp_path, extra='[[source]]\nkind = "file"\nname = "broken"\npath = "broken.jsonl"\n')
    (tmp_path / "broken.jsonl").write_text('{"id": "1", "text": "x", "created_at": "2025-10-05"}\n{"id": \n')
    assert process("run", "--until-idle", cwd=tmp_path).returncode == 0
    found = rows(tocsin("dead-letters", "list", "--source", "broken", "--json", cwd=tmp_path).stdout)
    assert len(found) == 1
    assert found[0]["where"].endswith("broken.jsonl:2")
    assert "bad_json" in tocsin("dead-letters", "list", cwd=tmp_path).stdout.decode()
    again = tocsin("dead-letters", "replay", cwd=tmp_path)
    assert again.returncode == 1
    assert "0 went through, 1 were refused again" in again.stdout.decode()


def test_every_mistake_of_the_configuration_is_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "tocsin.toml").write_text('[[brand]]\nnam = "x"\n[console]\nport = "y"\n')
    for verb in ("check-config", "run", "doctor", "try", "mentions"):
        done = tocsin(verb, cwd=tmp_path)
        assert done.returncode == 2, verb
        assert done.stdout == b""
        assert "brand[0].nam: is not a setting" in done.stderr.decode()
        assert "console.port: must be a whole number" in done.stderr.decode()
    told = json.loads(tocsin("check-config", "--json", cwd=tmp_path).stdout)
    assert (told["ok"], len(told["problems"])) == (False, 3)


def test_the_schema_is_printed(tmp_path: Path) -> None:
    done = tocsin("check-config", "--schema", cwd=tmp_path)
    assert json.loads(done.stdout)["title"] == "tocsin.toml"


def test_reading_a_database_that_is_not_there_says_what_makes_it(tmp_path: Path) -> None:
    demo_configuration(tmp_path)
    done = tocsin("mentions", cwd=tmp_path)
    assert done.returncode == 1
    assert "tocsin run" in done.stderr.decode()


@pytest.mark.parametrize("form", [["--json"], []], ids=["json", "table"])
def test_a_reader_that_has_seen_enough_is_no_failure(filled: Path, form: list[str]) -> None:
    with subprocess.Popen(
        words("mentions", "--limit", "1000", *form), cwd=filled, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as started:
        assert started.stdout is not None
        assert started.stderr is not None
        started.stdout.read(10)
        started.stdout.close()
        said = started.stderr.read()
        assert started.wait(60) == 0
    assert said == b""


FEED = """<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>Courier</title>
<item><guid>1</guid><title>Aurora Air lost my bag</title><link>http://127.0.0.1/1</link></item></channel></rss>"""


class _Feed(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = FEED.encode()
        self.send_response(200)
        self.send_header("content-type", "application/rss+xml")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_from_init_to_a_run_that_ends_cleanly_when_it_is_told(tmp_path: Path, number: signal.Signals) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Feed)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        feed = f"http://127.0.0.1:{server.server_port}/feed.xml"
        assert tocsin("init", "--brand", "Aurora Air", "--feed", feed, cwd=tmp_path).returncode == 0
        assert tocsin("init", cwd=tmp_path).returncode == 2, "a file that is there is not overwritten"
        assert tocsin("check-config", cwd=tmp_path).returncode == 0
        tried = tocsin("try", "--json", cwd=tmp_path)
        assert [m["post"]["native_id"] for m in rows(tried.stdout)], tried.stderr.decode()
        with subprocess.Popen(
            words("run", "--port", "0"), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as started:
            assert started.stderr is not None
            said = ""
            while "API, metrics and webhooks: " not in said:
                said = started.stderr.readline()
                assert said or started.poll() is None
            address = said.rpartition(" ")[2].strip()
            with httpx.Client(base_url=address, trust_env=False) as client:
                assert client.get("/healthz").json() == {"status": "ok"}
                assert client.get("/readyz").status_code == 200
                while client.get("/api/v1/mentions").json()["total"] == 0:
                    assert started.poll() is None
                    time.sleep(0.1)
                assert client.get("/api/v1/mentions?query=bag").json()["mentions"][0]["brand"] == "Aurora Air"
                assert client.get("/api/v1/mentions?query=(bag").status_code == 400
                assert client.get("/api/v1/stats").json()["brands"][0]["share"] == 1
                assert "tocsin_posts_total" in client.get("/metrics").text
            os.kill(started.pid, number)
            rest = started.stderr.read()
            assert started.wait(60) == 0, rest
        assert "Done: " in rest
        assert "Traceback" not in rest
    finally:
        server.shutdown()
        server.server_close()


def test_init_refuses_to_write_what_would_not_pass_the_check(tmp_path: Path) -> None:
    done = tocsin("init", "--brand", "X", "--feed", "not an address", cwd=tmp_path)
    assert done.returncode == 2
    assert "source[0]" in done.stderr.decode()
    assert not (tmp_path / "tocsin.toml").exists()


def test_init_takes_any_brand_and_several_feeds(tmp_path: Path) -> None:
    name = 'Say "hi" \\ Шұғыла \x7f'
    feeds = ["--feed", "https://a.example.org/x.xml", "--feed", "https://b.example.org/y.xml"]
    assert tocsin("init", "--brand", name, *feeds, cwd=tmp_path).returncode == 0
    assert tocsin("check-config", cwd=tmp_path).returncode == 0


def test_demo_shows_the_crisis_and_what_to_do_next_and_leaves_nothing_behind(tmp_path: Path) -> None:
    done = process("demo", cwd=tmp_path, TMPDIR=str(tmp_path))
    said = done.stdout.decode()
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr == b""
    assert "160 posts" in said
    assert "opened" in said
    assert "Shugyla Bank" in said
    assert "What to do next" in said
    assert list(tmp_path.glob("tocsin*")) == []
