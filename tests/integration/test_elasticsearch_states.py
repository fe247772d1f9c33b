"""What the cluster remembers of posts and brands, in a real Elasticsearch: who is late is told and loses nothing."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from msgspec.structs import replace

from domain.errors import StoreUnavailable
from storage.cluster import BrandState, Known, Origin, month_of
from storage.elasticsearch import BrandStates, Cluster, Held, PostMemory, open_store
from storage.store import Commit
from tests.kit.elastic import cluster_of
from tests.kit.services import ElasticServer
from tests.kit.stores import alert, at, dead_letter, incident, mention, near_miss, notification, post

LIVE, HISTORY = "posts-3", "posts.backfill-3"


@pytest.fixture
def cluster(elastic: ElasticServer, index_prefix: str) -> Iterator[Cluster]:
    store = open_store(opened := cluster_of(elastic, index_prefix))
    yield opened
    store.close()


@pytest.fixture
def posts(cluster: Cluster) -> PostMemory:
    return PostMemory(cluster)


def first(version: str = "1", *, line: str = LIVE, offset: int = 10) -> Known:
    told = mention(post(version=version))
    return Known(version=version, origin=Origin(line, offset), month=month_of(told.post), mentions=(told,))


def test_what_is_remembered_is_recalled_at_once(posts: PostMemory) -> None:
    known = {f"p{number}": first(offset=number) for number in range(2_500)}
    assert posts.recall(known) == {}
    assert posts.remember(known) == []
    assert posts.recall([*known, "never heard"]) == known
    assert posts.recall([]) == {}
    assert posts.remember({}) == []


def test_the_next_version_replaces_and_an_older_one_does_not(posts: PostMemory) -> None:
    one = first()
    two = one.followed(version="2", origin=Origin(LIVE, 11), mentions=[])
    assert posts.remember({"p": one}) == []
    assert posts.remember({"p": two}) == []
    assert posts.remember({"p": one}) == ["p"], "a process that was taken over is told"
    assert posts.recall(["p"]) == {"p": two}


def test_the_same_again_is_written_even_if_it_cannot_be_told_in_utf_8(posts: PostMemory) -> None:
    told = mention(post(text="broken \ud800 and \x00"))
    known = replace(first(), mentions=(told,))
    assert posts.remember({"p": known}) == []
    assert posts.remember({"p": known}) == []
    (mentioned,) = posts.recall(["p"])["p"].mentions
    assert mentioned.post.text == "broken \ufffd and \x00"


def test_of_two_that_go_on_from_the_same_version_one_is_told_to_look_again(posts: PostMemory) -> None:
    one = first()
    posts.remember({"p": one})
    live = one.followed(version="live", origin=Origin(LIVE, 11), mentions=[])
    history = one.followed(version="history", origin=Origin(HISTORY, 4), mentions=[])
    with ThreadPoolExecutor(2) as both:
        told = list(both.map(lambda known: posts.remember({"p": known}), (live, history)))
    assert sorted(told, key=len) == [[], ["p"]]
    winner, loser = (live, history) if told[0] == [] else (history, live)
    assert posts.recall(["p"]) == {"p": winner}
    again = winner.followed(version=loser.version, origin=loser.origin, mentions=[])
    assert posts.remember({"p": again}) == []
    assert again.heard(live.origin)
    assert again.heard(history.origin)


def test_a_record_is_known_by_its_place_in_its_own_line(posts: PostMemory) -> None:
    known = first(offset=10).followed(version="2", origin=Origin(HISTORY, 7, 3), mentions=[])
    posts.remember({"p": known})
    (recalled,) = posts.recall(["p"]).values()
    assert recalled.heard(Origin(LIVE, 10))
    assert recalled.heard(Origin(LIVE, 9, 400))
    assert not recalled.heard(Origin(LIVE, 10, 1))
    assert recalled.heard(Origin(HISTORY, 7, 3))
    assert not recalled.heard(Origin(HISTORY, 7, 4))
    assert not recalled.heard(Origin("posts-4", 0))
    assert recalled.revision == 2


def state(brand: str = "Aurora Air", *, turn: int = 1) -> BrandState:
    return BrandState(
        brand=brand,
        sequence=7,
        seen={LIVE: (10, 2), HISTORY: (3, 0)},
        folds={"dedupe": b"\x00\xff" * 50_000, "empty": b""},
        pending=Commit(
            alerts=[alert()],
            near_misses=[near_miss()],
            incidents=[incident()],
            notifications=[notification()],
            dead_letters=[dead_letter(b"\x00\xff")],
        ),
        turn=turn,
    )


def test_a_brand_s_state_comes_back_equal_and_absent_ones_are_left_out(cluster: Cluster) -> None:
    states = BrandStates(cluster)
    assert states.load(["Aurora Air", "Қазақ банкі"]) == {}
    saved = states.save([Held(state=state()), Held(state=state("Қазақ банкі"))])
    assert states.load(["Aurora Air", "Қазақ банкі", "Nobody"]) == saved
    assert {brand: held and held.state for brand, held in saved.items()} == {
        "Aurora Air": state(),
        "Қазақ банкі": state("Қазақ банкі"),
    }


def test_only_who_holds_the_latest_state_saves_the_next(cluster: Cluster) -> None:
    mine, theirs = BrandStates(cluster), BrandStates(cluster)
    held = mine.save([Held(state=state())])["Aurora Air"]
    assert held is not None
    assert theirs.save([Held(state=state())]) == {"Aurora Air": None}, "there is one already"
    other = theirs.load(["Aurora Air"])["Aurora Air"]
    assert mine.save([replace(held, state=state(turn=2))])["Aurora Air"] is not None
    assert theirs.save([replace(other, state=state(turn=9))]) == {"Aurora Air": None}
    assert mine.save([replace(held, state=state(turn=3))]) == {"Aurora Air": None}, "nor from a state of its own past"
    assert theirs.load(["Aurora Air"])["Aurora Air"].state == state(turn=2)


def test_many_that_take_turns_lose_none(cluster: Cluster) -> None:
    BrandStates(cluster).save([Held(state=BrandState(brand="A"))])

    def ten_turns(_: int) -> None:
        states, done = BrandStates(cluster), 0
        while done < 10:
            held = states.load(["A"])["A"]
            done += states.save([replace(held, state=replace(held.state, turn=held.state.turn + 1))])["A"] is not None

    with ThreadPoolExecutor(4) as many:
        list(many.map(ten_turns, range(4)))
    assert BrandStates(cluster).load(["A"])["A"].state.turn == 40


def test_what_a_turn_decided_is_stored_once_and_an_overtaken_turn_changes_nothing(
    elastic: ElasticServer, index_prefix: str
) -> None:
    store = open_store(cluster_of(elastic, index_prefix))
    second = replace(state(turn=2), pending=Commit(incidents=[incident(minutes=5)]))
    for turn in (state(turn=1), second, state(turn=1), second):
        store.apply([turn])
    assert store.incidents() == [incident(minutes=5)]
    assert store.alerts() == [alert()]
    while not store.near_misses():
        pass
    assert store.near_misses() == [near_miss()]
    assert [entry.notification for entry in store.outbox()] == [notification()]
    assert [row.letter for row in store.dead_letters()] == [dead_letter(b"\x00\xff")]
    assert store.outbox_due(at(0))
    store.close()


def test_a_server_that_is_down_or_not_yet_up_is_never_one_that_knows_nothing(
    elastic: ElasticServer, cluster: Cluster, posts: PostMemory
) -> None:
    states = BrandStates(cluster)
    posts.remember({"p": first()})
    states.save([Held(state=state())])
    elastic.kill()
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        posts.recall(["p"])
    with pytest.raises(StoreUnavailable):
        posts.remember({"p": first()})
    with pytest.raises(StoreUnavailable):
        states.load(["Aurora Air"])
    elastic.start()
    recalled: dict[str, Known] = {}
    while not recalled:
        try:
            recalled = posts.recall(["p"])
            assert recalled, "the shard is not there yet, and that is no answer"
        except StoreUnavailable:
            continue
    assert recalled == {"p": first()}
    elastic.ready()
    assert states.load(["Aurora Air"])["Aurora Air"].state == state()
