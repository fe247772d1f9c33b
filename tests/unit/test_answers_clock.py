"""The brand's own reply stops the clock of what it answers."""

import io
from collections.abc import Sequence
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from msgspec.structs import replace
from rich.console import Console

from domain.act import Acknowledge, AnyAct, Replied, subject
from domain.acted import acted, as_heard
from domain.brand import Brand
from domain.mention import Mention, mention_id
from domain.post import Author, Post, Record
from domain.query import BrandMatcher
from processors.answer import answer
from storage.memory import MemoryStore
from storage.store import StatRow
from tests.kit import engine
from tests.kit.processing import Desk, PostMemory, Topics, build_processor, deal, packed
from tests.kit.stores import at, correct, judged, mention, post, replied
from tocsin.cli import screen
from tocsin.cli.mentions import show
from tocsin.metrics import Metrics
from tocsin.runtimes.engine import Engine

AIR = Brand(name="Aurora Air", query="aurora", accounts=("mastodon:auroraair", "mastodon:aurora_help"))
CARGO = Brand(name="Aurora Cargo", query="cargo", accounts=("mastodon:aurora_help",))
MATCHER = BrandMatcher([AIR, CARGO])


def reply(by: str = "auroraair", to: str = "1", *, minutes: float = 12, **fields: Any) -> Post:
    return post("r1", "We are sorry", minutes=minutes, author=Author(handle=by), reply_to=to, **fields)


def acts_of(heard: Post) -> list[AnyAct]:
    *acts, rest = answer(heard, matcher=MATCHER)
    assert rest == heard, "the post itself goes on"
    return [act for act in acts if isinstance(act, Replied)]


def test_a_reply_of_the_own_account_is_an_act_about_the_mention_of_what_it_answers() -> None:
    (act,) = acts_of(reply())
    assert act.by == "mastodon:auroraair"
    assert (act.at, act.brand) == (at(12), "Aurora Air")
    assert subject(act) == mention_id("mastodon", "1", "Aurora Air")


def test_an_account_of_two_brands_answers_for_both() -> None:
    acts = acts_of(reply("aurora_help"))
    assert [act.brand for act in acts] == ["Aurora Air", "Aurora Cargo"]
    assert len({act.id for act in acts}) == len({subject(act) for act in acts}) == 2


@pytest.mark.parametrize(
    "heard",
    [
        reply("anna"),
        reply(network="vk"),
        reply(to=""),
        reply(deleted=True),
        post("r1", "We are sorry", author=Author(name="auroraair"), reply_to="1"),
    ],
)
def test_what_is_no_reply_of_an_own_account_is_no_act(heard: Post) -> None:
    assert acts_of(heard) == []


def test_a_reply_heard_again_or_edited_is_the_same_act() -> None:
    (first,), (edited,) = acts_of(reply()), acts_of(reply(version="2"))
    assert first == edited
    (other,) = acts_of(replace(reply(), native_id="r2"))
    assert other.id != first.id


def test_of_several_replies_the_earliest_counts_in_any_order_and_corrections_hold_beside_them() -> None:
    asked = mention(post(), judgement=judged())
    acts: list[Any] = [
        replied(asked, act_id="r1", minutes=30),
        replied(asked, act_id="r2", minutes=12),
        correct(asked, sentiment="neutral"),
    ]
    for order in permutations(acts):
        after = acted(asked, order)
        assert after.first_response_at == at(12)
        assert after.judgement is not None
        assert after.judgement.sentiment == "neutral"
        assert acted(after, order) == after
        assert as_heard(after) == asked == acted(after, [])


def test_acts_about_others_are_passed_over() -> None:
    asked = mention(post())
    assert acted(asked, [replied(mention(post("2"))), replied(mention(post(), brand="Aurora Cargo"))]) == asked
    assert subject(Acknowledge(id="a", by="Dana", at=at(1), brand="Aurora Air", incident="i1")) == "i1"


@pytest.mark.parametrize(("minutes", "seconds"), [(12, 720), (0, 0), (-3, 0), (1.5, 90)])
def test_the_wait_is_counted_from_when_it_was_written_and_is_never_below_nought(minutes: float, seconds: int) -> None:
    told = acted(mention(post()), [replied(mention(post()), minutes=minutes)])
    assert told.response_seconds == seconds
    assert mention(post()).response_seconds is None


def live(native_id: str, text: str, minutes: float, *, by: str = "anna", to: str = "") -> Record:
    when = engine.START + timedelta(minutes=minutes)
    heard = Post(
        network="vk", native_id=native_id, text=text, created_at=when, collected_at=when, source="kit", version="1",
        author=Author(handle=by), reply_to=to,
    )  # fmt: skip
    return Record(post=heard)


def run(pages: Sequence[Sequence[Record]]) -> tuple[MemoryStore, Metrics]:
    store, metrics = MemoryStore(), Metrics()
    runtime = Engine(engine.stages(), store, clock=engine.clock, metrics=metrics)
    for page in pages:
        for commit in runtime.process(page, [], {}):
            store.commit(commit)
    return store, metrics


def waits(metrics: Metrics) -> tuple[float, float]:
    of = {"network": "vk"}
    value = metrics.registry.get_sample_value
    return (
        value("tocsin_first_response_seconds_count", of) or 0.0,
        value("tocsin_first_response_seconds_sum", of) or 0.0,
    )


ASKED = live("1", "aurora, where is my bag?", 0)
ANSWER, SECOND = live("r1", "We look", 12, by="auroraair", to="1"), live("r2", "Found", 50, by="auroraair", to="1")


def only(store: MemoryStore) -> Mention:
    (told,) = store.mentions_beginning("")
    return told


@pytest.mark.parametrize(
    "pages",
    [
        [[ASKED], [ANSWER], [SECOND]],
        [[ASKED, ANSWER, SECOND]],
        [[ANSWER, ASKED, ANSWER], [SECOND, ANSWER]],
        [[ASKED], [SECOND, ANSWER], [ANSWER]],
    ],
)
def test_one_process_stops_the_clock_and_measures_the_wait_once(pages: Sequence[Sequence[Record]]) -> None:
    store, metrics = run(pages)
    assert only(store).first_response_at == ANSWER.post.created_at
    assert waits(metrics) == (1, 720)


def test_a_reply_that_comes_before_its_mention_stops_the_clock_too_and_is_not_measured() -> None:
    store, metrics = run([[ANSWER], [ASKED], [SECOND]])
    assert only(store).response_seconds == 720
    assert waits(metrics) == (0, 0)


def test_a_deleted_reply_has_been_given_all_the_same() -> None:
    gone = replace(ANSWER, post=replace(ANSWER.post, text="", deleted=True, version="2"))
    store, _ = run([[ASKED], [ANSWER], [gone]])
    assert only(store).response_seconds == 720


def test_a_reply_to_a_reply_answers_that_one_and_not_what_began_the_thread() -> None:
    comment = live("2", "aurora lost mine too", 5, by="boris", to="1")
    store, _ = run([[ASKED, comment, live("r9", "We look", 12, by="auroraair", to="2")]])
    answered = {told.post.native_id: told.response_seconds for told in store.mentions_beginning("")}
    assert answered == {"1": None, "2": 420}


def test_a_reply_to_what_is_of_another_brand_changes_nothing() -> None:
    store, _ = run([[live("1", "borealis lost my bag", 0), ANSWER]])
    assert (only(store).brand, only(store).first_response_at) == ("Borealis Jet", None)


def test_history_is_answered_and_not_measured() -> None:
    past = [replace(one, post=replace(one.post, origin="backfill")) for one in (ASKED, ANSWER)]
    store, metrics = run([past])
    assert only(store).response_seconds == 720
    assert waits(metrics) == (0, 0)


def test_a_process_of_the_cluster_keeps_the_act_and_remembers_that_it_did() -> None:
    memory, topics, desk = PostMemory(), Topics(), Desk()
    kept: list[str] = []
    desk.effect = kept.append
    deal(build_processor(memory, topics, desk), packed([ANSWER]))
    deal(build_processor(memory, topics, desk), [one._replace(offset=7) for one in packed([ANSWER])])
    (act,) = desk.acts.values()
    assert act.at == ANSWER.post.created_at
    assert topics.records == []
    assert kept == [f"keeping {act.id}", "kept"]
    assert list(memory.posts) == [ANSWER.post.id]


class Answering(Desk):
    """A desk that knows a mention which nobody had answered."""

    def answer(self, acts: Sequence[AnyAct]) -> list[Mention]:
        super().answer(acts)
        asked = Mention(id="m", brand="Aurora Air", post=ASKED.post, event_at=ASKED.post.created_at)
        return [replace(asked, first_response_at=act.at) for act in acts]


def test_a_process_of_the_cluster_measures_the_wait() -> None:
    metrics = Metrics()
    deal(build_processor(PostMemory(), Topics(), Answering(), metrics=metrics), packed([ANSWER]))
    assert waits(metrics) == (1, 720)


def page_of(told: Mention) -> str:
    written = io.StringIO()
    show(Console(file=written, width=120), told)
    return written.getvalue()


def test_the_page_says_how_long_an_answer_took_or_that_there_was_none() -> None:
    plain = mention(post())
    asked = mention(post(addressed="mastodon:auroraair"), matched=("@mastodon:auroraair",))
    assert "answered" not in page_of(plain)
    assert "not answered" in page_of(asked)
    for told in (plain, asked):
        assert "answered after 12 min" in page_of(acted(told, [replied(told, minutes=12)]))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (720, "12 min"), (7_100, "118 min"), (7_200, "2 h"), (200_000, "2 d")],
)
def test_spans_are_told_in_one_unit(seconds: float, said: str) -> None:
    assert screen.lasting(seconds) == said


def test_stats_show_answers_only_where_there_are_any(capsys: pytest.CaptureFixture[str]) -> None:
    from tocsin.cli.stats import _table

    counts: dict[str, Any] = {"sentiments": {}, "urgencies": {}, "themes": {}, "networks": {}, "langs": {}}
    rows = [StatRow(brand="Aurora Air", mentions=8, **counts), StatRow(brand="Borealis Jet", mentions=2, **counts)]
    _table(rows)
    assert "Answered" not in capsys.readouterr().out
    _table([replace(rows[0], answered=2, response_seconds=720.0), rows[1]])
    shown = capsys.readouterr().out
    assert "25% in 12 min" in shown
    assert "none" in shown
