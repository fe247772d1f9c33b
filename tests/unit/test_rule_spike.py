"""The spike rule: rings at onsets, stays quiet otherwise, for brands of every size."""

from datetime import timedelta
from random import Random
from typing import Any

import msgspec
import pytest

from alerting.rules.spike import Config, Spike, build
from alerting.rules.spike.baseline import learn
from alerting.rules.spike.state import SpikeState
from alerting.rules.spike.tail import smallest_surprise, tail
from domain.alert import Alert, NearMiss
from domain.event import Event, MentionEvent, Output
from tests.kit.alerts import at, heard, judged

NEUTRAL = judged("neutral", "low", "other")


def spike(**config: Any) -> Spike:
    return build(Config(**config))


def run(fold: Spike, events: list[MentionEvent], state: SpikeState | None = None) -> tuple[SpikeState, list[Output]]:
    state, said = state or fold.initial(), list[Output]()
    for event in sorted(events, key=lambda event: event.at):
        state, more = fold.step(state, event)
        said += more
    return state, said


def calm(per_day: float, days: int, seed: int = 1, **rest: Any) -> list[MentionEvent]:
    """A Poisson stream from midnight on."""
    random, events, hour = Random(seed), list[MentionEvent](), 0.0
    while True:
        hour += random.expovariate(per_day / 24)
        if hour >= days * 24:
            return events
        events.append(heard(f"calm-{seed}-{len(events)}", at(hour), **rest))


def burst(hours: float, count: int, minutes: float = 50, prefix: str = "burst", **rest: Any) -> list[MentionEvent]:
    step = minutes / count
    return [heard(f"{prefix}-{n}", at(hours, minutes=n * step), **rest) for n in range(count)]


def alerts(said: list[Output]) -> list[Alert]:
    return [one for one in said if isinstance(one, Alert)]


def misses(said: list[Output]) -> list[str]:
    return [one.reason.code for one in said if isinstance(one, NearMiss)]


@pytest.mark.parametrize(("per_day", "count"), [(3, 8), (30, 20), (300, 120), (3000, 700)])
def test_an_onset_rings_within_the_hour_for_brands_of_every_size(per_day: int, count: int) -> None:
    state, said = run(spike(), calm(per_day, 10))
    before = len(alerts(said))
    _, said = run(spike(), burst(240.5, count), state)
    assert before <= 1
    first = alerts(said)[0]
    assert first.at < at(241.5)
    assert first.reason.expected is not None
    assert first.reason.observed >= 3 * first.reason.expected
    assert first.group == "volume"


@pytest.mark.parametrize("per_day", [3, 50, 1000])
def test_calm_days_ring_nothing(per_day: int) -> None:
    seeds = range(3) if per_day < 1000 else range(1)
    rung = [alerts(run(spike(), calm(per_day, 14, seed))[1]) for seed in seeds]
    assert not any(rung)


def test_the_alert_shows_its_numbers_and_its_posts() -> None:
    state, _ = run(spike(), calm(30, 10))
    _, said = run(spike(), burst(240.5, 12, network="vk", priority=0.9), state)
    alert = alerts(said)[0]
    assert (alert.reason.code, alert.reason.numbers["of"]) == ("spike", "negative")
    assert alert.reason.window_seconds in {900, 3600, 21_600}
    assert sum(alert.evidence.networks.values()) == alert.reason.observed
    assert alert.evidence.networks["vk"] == max(alert.evidence.networks.values())
    assert len(alert.evidence.top) == 5
    assert alert.evidence.first is not None
    assert alert.evidence.first.at == min(one.at for one in (*alert.evidence.top, alert.evidence.first))
    assert set(alert.evidence.sentiments) == {"negative"}


def test_it_rings_once_then_only_when_it_doubles_and_again_after_it_was_over() -> None:
    state, _ = run(spike(), calm(10, 10))
    state, said = run(spike(), burst(240.5, 12), state)
    assert alerts(said)[0].reason.code == "spike"
    assert len(alerts(said)) <= 2
    state, said = run(spike(), burst(241.4, 40, prefix="more"), state)
    assert {one.reason.code for one in alerts(said)} == {"spike_grows"}
    assert len(alerts(said)) <= 3
    state, said = run(spike(), calm(10, 1, seed=9), state)
    later = [heard(f"later-{n}", at(249 + n)) for n in range(3)]
    state, said = run(spike(), [*later, *burst(300, 60, prefix="again")], state)
    assert alerts(said)[0].reason.code == "spike"


def test_a_burst_that_comes_every_other_day_is_usual() -> None:
    days = [burst(24 * day + 9, 20, prefix=f"day-{day}") for day in range(0, 20, 2)]
    _, said = run(spike(), [*calm(24, 20), *(event for day in days for event in day)])
    assert not [one for one in alerts(said) if one.at > at(24 * 5)]


def test_before_there_is_a_baseline_it_says_so_instead_of_ringing() -> None:
    state, said = run(spike(), burst(0, 40))
    assert not alerts(said)
    assert misses(said) == ["warming_up"]
    state, said = run(spike(), [heard(f"h{n}", at(2 + n)) for n in range(8)], state)
    state, said = run(spike(), burst(11, 14, prefix="some"), state)
    assert not alerts(said)


def test_something_absurd_rings_after_a_few_hours_already() -> None:
    state, _ = run(spike(), [heard(f"h{n}", at(n)) for n in range(9)])
    _, said = run(spike(), burst(10, 60), state)
    assert alerts(said)


def test_one_angry_author_is_not_a_crowd() -> None:
    state, _ = run(spike(), calm(3, 10))
    _, said = run(spike(), burst(240.5, 15, author="the-same"), state)
    assert not alerts(said)
    assert "few_authors" in misses(said)


def test_edits_count_nothing_and_deletions_take_back() -> None:
    state, _ = run(spike(), calm(3, 10))
    before = sum(state.all.recent)
    once = burst(240.5, 4)
    state, said = run(spike(), once, state)
    edits: list[Event] = [MentionEvent(mention=event.mention, change="edited") for event in once]
    deletions: list[Event] = [MentionEvent(mention=event.mention, change="deleted") for event in once]
    fold = spike()
    for edit in edits * 10:
        state, said = fold.step(state, edit)
        assert not said
    assert sum(state.all.recent) <= before + 4
    counted = sum(state.all.hours)
    for deletion in deletions:
        state, said = fold.step(state, deletion)
    assert sum(state.all.hours) == counted - 4
    assert not [one for one in state.witnesses if one.mention_id.startswith("burst")]


def test_history_teaches_the_baseline_and_never_rings() -> None:
    history = [heard(f"b{n}", event.at, origin="backfill") for n, event in enumerate(calm(240, 10))]
    state, said = run(spike(), [*history, *burst(100, 200, origin="backfill")])
    assert not said
    assert sum(state.all.recent) == 0
    _, said = run(spike(), burst(240.5, 12), state)
    assert not alerts(said)
    _, said = run(spike(), burst(240.5, 90), state)
    assert alerts(said)


def test_a_post_dated_1988_teaches_nothing() -> None:
    ancient = heard("old", at(0) - timedelta(days=14_000), origin="replay")
    _, said = run(spike(), [ancient, *burst(1, 40)])
    assert not alerts(said)


def test_a_late_post_goes_to_the_bucket_it_belongs_to() -> None:
    fold = spike()
    state, _ = run(fold, [heard("a", at(0)), heard("b", at(5))])
    state, _ = fold.step(state, heard("late", at(1)))
    assert state.now == at(5)
    assert [place for place, count in enumerate(reversed(state.all.recent)) if count] == [0, 48, 60]
    assert state.all.hours == (1, 1, 0, 0, 0, 1)


def test_many_posts_that_nobody_minds_are_minor() -> None:
    state, _ = run(spike(), calm(30, 10, judgement=NEUTRAL))
    _, said = run(spike(), burst(240.5, 60, judgement=NEUTRAL), state)
    assert {one.severity for one in alerts(said)} == {"minor"}
    _, said = run(spike(), burst(240.5, 60, judgement=None), state)
    assert alerts(said)[0].severity == "major"
    assert not alerts(run(spike(of="negative"), burst(240.5, 60, judgement=NEUTRAL), state)[1])


def test_many_grave_posts_are_critical() -> None:
    grave = judged("negative", "critical", "safety", critical=0.9)
    state, _ = run(spike(), calm(30, 10))
    _, said = run(spike(), burst(240.5, 30, judgement=grave), state)
    assert alerts(said)[0].severity == "critical"


def test_near_misses_are_recorded_once_an_hour_at_most() -> None:
    _, said = run(spike(), burst(0, 500, minutes=300))
    assert 1 <= len(misses(said)) <= 6


def test_the_state_of_a_busy_brand_stays_small() -> None:
    random = Random(3)
    fold, state = spike(), SpikeState()
    text = "слово " * 200
    for n in range(6000):
        event = heard(
            f"m{n}",
            at(20 * n / 6000),
            text=text,
            network=f"network-{random.randrange(500)}",
            priority=random.random(),
        )
        state, _ = fold.step(state, event)
    assert len(msgspec.msgpack.encode(state)) < 250_000
    assert len(state.witnesses) <= 40
    assert len(state.seen) <= 72


def test_the_tail_is_that_of_the_negative_binomial() -> None:
    for mean, spread in ((0.4, 0.9), (7, 0.25), (120, 0.05), (3000, 0.3)):
        size = 1 / spread
        chance = (size / (size + mean)) ** size
        below = 0.0
        for k in range(60):
            assert tail(k, mean, spread) == pytest.approx(1 - below, rel=1e-6, abs=1e-9)
            below += chance
            chance *= (k + size) / (k + 1) * mean / (mean + size)
    limit = smallest_surprise(3.0, 0.2, 1e-4, 5)
    assert tail(limit, 3.0, 0.2) < 1e-4 <= tail(limit - 1, 3.0, 0.2)


def test_a_past_crisis_does_not_become_usual() -> None:
    quiet, crisis = learn([2] * 336, 336), learn([2] * 250 + [200] * 12 + [2] * 74, 336)
    assert crisis.level < 2 * quiet.level


def test_the_shape_of_the_day_is_learned() -> None:
    hours = [20 if 8 <= hour % 24 < 20 else 2 for hour in range(336)]
    baseline = learn(hours, 336)
    assert baseline.expected(336 * 3600 + 12 * 3600, 336 * 3600 + 13 * 3600) == pytest.approx(20, rel=0.2)
    assert baseline.expected(336 * 3600 + 2 * 3600, 336 * 3600 + 3 * 3600) < 5


def test_with_nothing_learned_the_spread_is_wide() -> None:
    assert learn([], 10).spread > 1
    assert learn([0] * 336, 336).level < 0.01
