"""The promises of `tocsin alert`: killed anywhere, or raced, it decides what one straight run decides."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.acted import as_heard
from domain.errors import BrokerUnavailable, StoreUnavailable
from domain.mention import Mention
from storage.cluster import BrandState
from storage.memory import MemoryStore
from tests.kit.deciding import World, latest, nothing
from tests.kit.engine import ACTS, BRANDS, build_engine, played
from tests.kit.processing import Killed, PostMemory, Topics, build_processor, deal, killed_at, packed
from tocsin.runtimes.cluster.process import LEADS_TO
from tocsin.runtimes.cluster.wire import POSTS, STORIES, Heard, Told, backfill

TEXTS = (
    "aurora is fine",
    "aurora bad wing",
    "aurora bad wing!",
    "borealis bad seat",
    "aurora and borealis bad",
    "nobody",
    "aurora fire",
    "aurora fire and borealis fire",
)
NAMES = [brand.name for brand in BRANDS]

Script = list[tuple[int, str, str, int]]

scripts = st.lists(
    st.tuples(
        st.integers(0, 12),
        st.sampled_from(TEXTS),
        st.sampled_from(ACTS),
        st.integers(0, 240),
    ),
    min_size=1,
    max_size=30,
)
sizes = st.lists(st.integers(1, 4), min_size=1, max_size=3)


def heard_of(script: Script, topic: str = POSTS) -> list[Heard]:
    """What `process` says of the posts of that topic."""
    topics = Topics()
    deal(build_processor(PostMemory(), topics), packed(played(script), topic=topic))
    return topics.messages(LEADS_TO[topic], Heard)


def world_of(script: Script, packs: Sequence[int] = (3,)) -> World:
    world = World()
    world.hear(heard_of(script), packs)
    return world


def straight(script: Script) -> World:
    world = world_of(script)
    world.run(world.alerter(most=1))
    return world


def stories(world: World) -> dict[tuple[str, int], Told]:
    """Every story told, by brand and sequence; told again it must be the same."""
    found: dict[tuple[str, int], Told] = {}
    for one in world.told(STORIES):
        assert found.setdefault((one.event.brand, one.sequence), one) == one
    return found


@settings(max_examples=60)
@given(script=scripts, packs=sizes, most=st.integers(1, 12))
def test_it_decides_what_the_one_process_decides(script: Script, packs: list[int], most: int) -> None:
    store = MemoryStore()
    engine = build_engine(store)
    for commit in engine.process(played(script), [], {}):
        store.commit(commit)
    if (drained := engine.drain()) is not None:
        store.commit(drained)
    world = world_of(script, packs)
    world.run(world.alerter(most=most))
    embedded = World()
    embedded.decisions.store = store
    assert world.decided() == embedded.decided()
    cluster = latest(world.told(STORIES))
    assert cluster == {name: as_heard(told) for name in cluster if (told := store.mention(name))}
    assert len(cluster) == len(store._contents.mentions)


@settings(max_examples=120)
@given(
    script=scripts, packs=sizes, most=st.integers(1, 8), kills=st.lists(st.integers(0, 25), min_size=1, max_size=6)
)
def test_killed_at_any_step_it_tells_and_decides_what_a_straight_run_does(
    script: Script, packs: list[int], most: int, kills: list[int]
) -> None:
    world = world_of(script, packs)
    for steps in (*kills, None):
        world.happening(nothing if steps is None else killed_at(steps))
        try:
            world.run(world.alerter(most=most, known=NAMES))
        except Killed:
            continue
    whole = straight(script)
    assert world.decided() == whole.decided()
    assert stories(world) == stories(whole)


@settings(max_examples=80)
@given(script=scripts, packs=sizes, most=st.integers(1, 8), moments=st.lists(st.integers(0, 40), max_size=8))
def test_two_that_hold_one_brand_decide_once(script: Script, packs: list[int], most: int, moments: list[int]) -> None:
    """The second takes a turn in the middle of the first one's, as one does that slept through a rebalance."""
    world = world_of(script, packs)
    first, second = world.alerter(most=most), world.alerter(most=most)
    left = iter(sorted(moments))
    due = [next(left, None)]
    steps = 0

    def interrupt(_: str) -> None:
        nonlocal steps
        steps += 1
        if due[0] is not None and steps >= due[0]:
            due[0] = next(left, None)
            world.happening(nothing)
            second.turn()
            world.happening(interrupt)

    world.happening(interrupt)
    world.run(first)
    world.happening(nothing)
    world.run(second)
    whole = straight(script)
    assert world.decided() == whole.decided()
    assert stories(world) == stories(whole)


@settings(max_examples=80)
@given(script=scripts, packs=sizes, most=st.integers(1, 8), faults=st.sets(st.integers(0, 40), max_size=12))
def test_servers_that_fail_before_or_after_they_did_it_change_nothing(
    script: Script, packs: list[int], most: int, faults: set[int]
) -> None:
    world = world_of(script, packs)
    steps = iter(range(10_000))

    def fail(step: str) -> None:
        if next(steps) in faults:
            raise (BrokerUnavailable if "publish" in step or "commit" in step else StoreUnavailable)(step)

    world.happening(fail)
    world.run(world.alerter(most=most, known=NAMES))
    whole = straight(script)
    assert world.decided() == whole.decided()
    assert stories(world) == stories(whole)


@settings(max_examples=80)
@given(live=scripts, past=scripts, most=st.integers(1, 8), kills=st.lists(st.integers(0, 25), min_size=1, max_size=6))
def test_what_an_index_keeps_is_what_the_saved_states_say_however_live_and_history_meet(
    live: Script, past: Script, most: int, kills: list[int]
) -> None:
    """Their order may differ from kill to kill; the highest sequence of a mention must still be the truth."""
    world = World()
    world.hear(heard_of(live))
    older = [(number + 100 * (number % 2), text, act, minutes) for number, text, act, minutes in past]
    world.hear(heard_of(older, backfill(POSTS)), history=True)
    truth: dict[str, Mention] = {}
    before: dict[str, int] = {}

    def remember(state: BrandState) -> None:
        published = [*world.told(STORIES), *world.told(backfill(STORIES))]
        for told in published:
            if told.event.brand == state.brand and before.get(state.brand, 0) < told.sequence <= state.sequence:
                truth[told.event.mention.id] = told.event.mention
        before[state.brand] = state.sequence

    world.brands.on_saved = remember
    for steps in (*kills, None):
        world.happening(nothing if steps is None else killed_at(steps))
        try:
            world.run(world.alerter(most=most, known=NAMES))
        except Killed:
            continue
    kept = latest([*world.told(STORIES), *world.told(backfill(STORIES))])
    assert kept == truth
