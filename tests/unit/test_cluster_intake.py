"""How a group's topics are read: live before history, gathered under load, and nothing lost when partitions move."""

from domain.errors import Refused
from tests.kit.deciding import Kafka
from tocsin.runtimes.cluster.intake import Gathering, Intake, Message
from tocsin.runtimes.cluster.wire import Reader

LIVE, PAST = "stories", "stories.backfill"


def intake_of(kafka: Kafka, *, most: int = 100) -> Intake:
    readers = dict.fromkeys((LIVE, PAST), Reader(int))
    return Intake(kafka, "kit", readers, history=[PAST], gathering=Gathering(most=most), seconds=kafka.seconds)


def values(turn: list[Message]) -> list[object]:
    return [message.value for message in turn]


def turns(intake: Intake, count: int) -> list[list[object]]:
    return [values(intake.gather()) for _ in range(count)]


def test_a_message_after_a_pause_is_a_turn_of_its_own_at_once() -> None:
    kafka = Kafka()
    intake = intake_of(kafka)
    kafka.now = 10.0
    kafka.put(LIVE, b"[1,2]")
    assert turns(intake, 1) == [[1, 2]]
    assert kafka.now == 10.0


def test_under_load_a_turn_gathers_half_a_second() -> None:
    kafka = Kafka()
    intake = intake_of(kafka)
    kafka.now = 10.0
    kafka.put(LIVE, b"1")
    intake.gather()
    kafka.put(LIVE, b"2")
    assert turns(intake, 1) == [[2]]
    assert kafka.now == 10.5


def test_a_full_turn_does_not_wait() -> None:
    kafka = Kafka()
    intake = intake_of(kafka, most=2)
    kafka.now = 10.0
    kafka.put(LIVE, b"0")
    intake.gather()
    kafka.put(LIVE, b"[1,2,3]")
    assert turns(intake, 1) == [[1, 2, 3]]
    assert kafka.now == 10.0


def test_history_waits_until_the_live_topics_are_calm() -> None:
    kafka = Kafka()
    intake = intake_of(kafka)
    kafka.put(PAST, b"100")
    kafka.put(LIVE, b"1")
    assert turns(intake, 1) == [[1]]
    began = kafka.now
    found: list[object] = []
    while not found:
        found = values(intake.gather())
    assert found == [100]
    assert kafka.now - began >= 1.0


def test_what_is_live_goes_first_again_as_soon_as_it_comes() -> None:
    kafka = Kafka()
    intake = intake_of(kafka)
    while not intake._looks_back:
        intake.gather()
    for number in range(200):
        kafka.put(PAST, str(1000 + number).encode())
    kafka.put(LIVE, b"1")
    assert turns(intake, 1) == [[1]]
    assert PAST in kafka.consumers[0].paused
    held = values(intake.gather())
    assert held[:2] == [1000, 1001], "what was read of history already is not read again, so it is dealt with"


def test_live_and_history_are_never_one_turn() -> None:
    kafka = Kafka()
    intake = intake_of(kafka)
    while not intake._looks_back:
        intake.gather()
    kafka.put(PAST, b"100")
    kafka.put(LIVE, b"1")
    kafka.put(PAST, b"101")
    found = [one for one in turns(intake, 8) if one]
    assert found[0] == [1]
    assert [value for turn in found[1:] for value in turn] == [100, 101]


def test_what_cannot_be_read_comes_in_its_place() -> None:
    kafka = Kafka()
    kafka.put(LIVE, b'[1,"x",3]')
    kafka.put(LIVE, b"")
    kafka.put(LIVE, b"[]")
    found = values(intake_of(kafka).gather())
    assert [one.reason if isinstance(one, Refused) else one for one in found] == [
        1, "bad_message", 3, "empty", "empty",
    ]  # fmt: skip


def test_a_commit_names_the_next_offset_of_each_partition() -> None:
    kafka = Kafka()
    for partition in (0, 1, 1):
        kafka.put(LIVE, b"[1,2]", partition=partition)
    intake = intake_of(kafka)
    intake.commit(intake.gather())
    assert kafka.committed == {(LIVE, 0): 1, (LIVE, 1): 2}
    assert kafka.left() == 0


def test_what_waits_of_a_lost_partition_is_left_to_whoever_has_it_and_comes_anew_when_it_is_back() -> None:
    kafka = Kafka()
    intake = intake_of(kafka)
    while not intake._looks_back:
        intake.gather()
    kafka.put(PAST, b"100", partition=0)
    kafka.put(PAST, b"101", partition=1)
    kafka.put(LIVE, b"1")
    assert turns(intake, 1) == [[1]]
    member = kafka.consumers[0]
    member.move({(LIVE, 0), (LIVE, 1), (PAST, 1)})
    assert turns(intake, 1) == [[101]]
    intake.moves()
    member.move({(LIVE, 0), (LIVE, 1), (PAST, 0), (PAST, 1)})
    found = [value for turn in turns(intake, 10) for value in turn]
    assert found == [100]


def test_moves_are_told_once_and_a_partition_that_came_and_went_did_not_come() -> None:
    kafka = Kafka()
    intake = intake_of(kafka)
    intake.gather()
    assert intake.moves().gained == {(LIVE, 0), (LIVE, 1), (PAST, 0), (PAST, 1)}
    assert intake.moves() == (set(), set())
    member = kafka.consumers[0]
    member.move({(LIVE, 1), (PAST, 0), (PAST, 1)})
    intake.gather()
    member.move({(LIVE, 0), (LIVE, 1)})
    intake.gather()
    member.move({(LIVE, 1)})
    intake.gather()
    assert intake.moves() == (set(), {(LIVE, 0), (PAST, 0), (PAST, 1)})


def test_it_says_how_old_the_turn_under_way_is() -> None:
    kafka = Kafka()
    intake = intake_of(kafka)
    kafka.put(LIVE, b"1")
    turn = intake.gather()
    assert intake.oldest == turn[0].record.at
    intake.gather()
    assert intake.oldest is None
