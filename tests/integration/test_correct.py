"""`tocsin correct`, `tocsin corrections export` and `tocsin mentions --review` on a database of their own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from console.app import build_app
from console.ports import Readiness
from console.server import serve
from models.training.corpus import TASKS
from storage.sqlite import open_store
from storage.sqlite.store import SqliteStore
from storage.store import Commit
from tests.kit.cli import Done, rows, tocsin
from tests.kit.stores import at, correct, judged, mention, post, record

UNSURE = mention(
    post("1", "Рейс Авроры снова задержан", url="https://example.org/1"),
    lang="ru", judgement=judged("negative", "normal", review="sentiment 0.41 negative, 0.39 neutral"),
)  # fmt: skip
SURE = mention(
    post("2", "Aurora Air, thank you!", minutes=1),
    judgement=replace(judged("positive", "low", "praise"), toxicity=0.02),
)
UNJUDGED = mention(post("3", "Aurora Air, dank u", minutes=2), lang="nl")
TOLD = (UNSURE, SURE, UNJUDGED)


def configuration(folder: Path, *, port: int = 0, token: str = "") -> None:
    secret = f'token = "{token}"\n' if token else ""
    (folder / "tocsin.toml").write_text(
        f'[storage]\npath = "tocsin.db"\n[console]\nport = {port}\n{secret}[[brand]]\nname = "Aurora Air"\n'
    )


def stored(folder: Path) -> SqliteStore:
    store = open_store(folder / "tocsin.db")
    store.commit(Commit(posts=[record(told.post) for told in TOLD], mentions=list(TOLD)))
    return store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    configuration(tmp_path)
    stored(tmp_path).close()
    return tmp_path


def said(done: Done) -> str:
    return done.stderr.decode()


def shown(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    done = tocsin("mentions", "--json", *arguments, cwd=folder)
    assert done.returncode == 0, said(done)
    return rows(done.stdout)


def test_a_correction_is_told_shown_and_counted(folder: Path) -> None:
    done = tocsin("correct", UNSURE.id[:10], "--sentiment", "neutral", "--urgency", "low", "--by", "Inna", cwd=folder)
    assert (done.returncode, said(done)) == (0, "")
    assert done.stdout.decode() == (
        f"Corrected {UNSURE.id[:10]}: neutral, low, delivery (the model said negative sentiment, normal urgency).\n"
    )
    (found,) = shown(folder, "--sentiment", "neutral")
    assert (found["id"], found["judgement"]["corrected_by"]) == (UNSURE.id, "Inna")
    assert shown(folder, "--sentiment", "negative") == []
    assert rows(tocsin("stats", "--json", cwd=folder).stdout)[0]["sentiments"]["neutral"] == 1
    assert "corrected by Inna; the model said: sentiment negative" in tocsin("mentions", cwd=folder).stdout.decode()


def test_review_lists_the_reason_and_the_id_to_correct_it_by(folder: Path) -> None:
    listed = tocsin("mentions", "--review", cwd=folder).stdout.decode()
    assert "review: sentiment 0.41 negative, 0.39 neutral" in listed
    assert UNSURE.id[:10] in listed
    assert [found["id"] for found in shown(folder, "--review")] == [UNSURE.id]
    done = tocsin("correct", UNSURE.id, "--confirm", "--by", "Inna", cwd=folder)
    assert done.stdout.decode() == f"Confirmed {UNSURE.id[:10]}: negative, normal, delivery.\n"
    assert shown(folder, "--review") == []
    assert "confirmed by Inna\n" in tocsin("mentions", cwd=folder).stdout.decode()
    assert "Nothing waits for review." in said(tocsin("mentions", "--review", cwd=folder))


def test_json_gives_the_mention_as_it_stands_now(folder: Path) -> None:
    done = tocsin("correct", UNJUDGED.id, "--theme", "praise", "--by", "Inna", "--json", cwd=folder)
    (found,) = rows(done.stdout)
    assert (found["judgement"]["theme"], found["judgement"]["sentiment"]) == ("praise", "unscored")


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ([SURE.id, "--by", "Inna"], 2, "Nothing is said"),
        ([SURE.id, "--sentiment", "angry", "--by", "Inna"], 2, "'angry' is not one of"),
        ([SURE.id, "--urgency", "unscored", "--by", "Inna"], 2, "'unscored' is not one of"),
        ([SURE.id, "--confirm"], 2, "--by"),
        ([SURE.id, "--confirm", "--by", " "], 2, "say who judges"),
        ([UNJUDGED.id, "--confirm", "--by", "Inna"], 2, "the model did not judge this mention"),
        (["nosuch", "--confirm", "--by", "Inna"], 1, "there is no mention nosuch: `tocsin mentions` lists them"),
        (["", "--confirm", "--by", "Inna"], 1, "there is no mention"),
    ],
)
def test_what_cannot_be_corrected_is_a_sentence(folder: Path, arguments: list[str], code: int, sentence: str) -> None:
    done = tocsin("correct", *arguments, cwd=folder)
    assert (done.returncode, done.stdout) == (code, b"")
    assert sentence in said(done)


def test_a_beginning_that_several_ids_share_asks_for_more(tmp_path: Path) -> None:
    configuration(tmp_path)
    store = open_store(tmp_path / "tocsin.db")
    store.commit(Commit(mentions=[mention(post(str(number))) for number in range(20)]))
    first = next(
        one.id[0] for one in store.mentions_beginning("", 20) if len(store.mentions_beginning(one.id[0])) > 1
    )
    store.close()
    done = tocsin("correct", first, "--theme", "staff", "--by", "Inna", cwd=tmp_path)
    assert (done.returncode, "write more of the id" in said(done)) == (1, True)


@asynccontextmanager
async def running(folder: Path, *, token: str = "") -> AsyncIterator[SqliteStore]:
    """Hold the database and serve it, as `tocsin run` does; tocsin.toml says where."""
    store = stored(folder)
    app = build_app(
        store=store, brands=(), health=Readiness, metrics=bytes, inboxes={}, clock=lambda: at(90), token=token
    )
    stop = asyncio.Event()
    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(app, host="127.0.0.1", port=0, stop=stop, started=address.set_result))
    configuration(folder, port=int((await address).rpartition(":")[2]), token=token)
    try:
        yield store
    finally:
        stop.set()
        await serving
        store.close()


@pytest.mark.parametrize("token", ["", "s3cret"])
async def test_beside_a_running_tocsin_the_correction_is_given_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with running(tmp_path, token=token) as store:
        done = await asyncio.to_thread(
            tocsin, "correct", UNSURE.id[:10], "--theme", "staff", "--confirm", "--by", "Инна", cwd=tmp_path
        )
        assert (done.returncode, said(done)) == (0, "")
        assert "(the model said delivery theme)" in done.stdout.decode()
        told = store.mention(UNSURE.id)
        assert told is not None
        assert told.judgement is not None
        assert (told.judgement.theme, told.judgement.corrected_by) == ("staff", "Инна")
        assert [act.labels for act in store.acts()] == [  # type: ignore[union-attr]  # nothing else was done
            {"sentiment": "negative", "urgency": "normal", "theme": "staff"}
        ]


async def test_a_wrong_token_is_told_as_the_running_tocsin_says_it(tmp_path: Path) -> None:
    async with running(tmp_path, token="s3cret") as store:
        file = tmp_path / "tocsin.toml"
        file.write_text(file.read_text().replace("s3cret", "other"))
        done = await asyncio.to_thread(tocsin, "correct", UNSURE.id, "--confirm", "--by", "Inna", cwd=tmp_path)
        assert (done.returncode, store.acts()) == (1, [])
        assert "did not take the correction (401): This needs the console's token" in said(done)


@pytest.mark.parametrize(
    ("port", "sentence"),
    [(0, "POST the correction to /api/v1/acts"), (9, "127.0.0.1 port 9 does not answer")],
)
def test_where_nobody_answers_the_holder_and_the_remedy_are_named(tmp_path: Path, port: int, sentence: str) -> None:
    configuration(tmp_path, port=port)
    holder = stored(tmp_path)
    done = tocsin("correct", UNSURE.id, "--confirm", "--by", "Inna", cwd=tmp_path)
    holder.close()
    assert done.returncode == 1
    assert "another tocsin (pid" in said(done)
    assert sentence in said(done)
    assert "Traceback" not in said(done)


@pytest.fixture
def corrected(folder: Path) -> Path:
    """Four corrections: of two mentions, of one that was then edited, of one that lacks labels."""
    store = open_store(folder / "tocsin.db")
    gone = mention(post("4"), judgement=judged())
    store.commit(Commit(mentions=[gone]))
    store.keep(correct(UNSURE, act_id="c1", minutes=60, sentiment="neutral"))
    store.keep(correct(SURE, act_id="c2", minutes=30, confirm=True))
    store.keep(correct(gone, act_id="c3", minutes=40, confirm=True))
    store.keep(correct(UNJUDGED, act_id="c4", minutes=50, theme="praise"))
    store.commit(Commit(mentions=[mention(post("4", "edited"), judgement=judged())]))
    store.close()
    return folder


def test_corrections_are_exported_as_training_reads_them(corrected: Path) -> None:
    done = tocsin("corrections", "export", cwd=corrected)
    assert done.returncode == 0
    assert rows(done.stdout) == [
        {
            "id": SURE.id, "lang": "en", "network": "mastodon", "industry": "", "brand": "Aurora Air",
            "text": "Aurora Air, thank you!", "sentiment": "positive", "urgency": "low", "theme": "praise",
            "toxic": False, "hard": "",
        },
        {
            "id": UNSURE.id, "lang": "ru", "network": "mastodon", "industry": "", "brand": "Aurora Air",
            "text": "Рейс Авроры снова задержан", "sentiment": "neutral", "urgency": "normal", "theme": "delivery",
            "hard": "",
        },
    ]  # fmt: skip
    assert said(done) == (
        "2 corrected mentions written; left out: 1 edited or deleted since, "
        "1 without a label for every task (`tocsin correct` can give it).\n"
    )


def test_every_label_exported_is_one_that_training_knows(corrected: Path) -> None:
    for row in rows(tocsin("corrections", "export", cwd=corrected).stdout):
        assert all(row[task] in TASKS[task] for task in ("sentiment", "urgency", "theme"))
        assert isinstance(row.get("toxic", False), bool)


def test_an_export_can_be_narrowed(corrected: Path) -> None:
    since = ["--since", at(55).isoformat()]
    assert [row["id"] for row in rows(tocsin("corrections", "export", *since, cwd=corrected).stdout)] == [UNSURE.id]
    none = tocsin("corrections", "export", "--brand", "Nobody", cwd=corrected)
    assert (none.returncode, none.stdout, said(none)) == (0, b"", "0 corrected mentions written.\n")
