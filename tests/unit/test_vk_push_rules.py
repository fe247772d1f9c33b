from dataclasses import dataclass, field

import pytest

from domain.brand import Brand
from ingest.vk.push.rules import LONGEST_VALUE, MOST_RULES, MOST_WORDS, PREFIX, Rule, RuleRefused, Steps, rules


def brand(query: str) -> Brand:
    return Brand(name="Aurora Air", query=query)


@dataclass
class Keeper:
    """VK as far as rules go; `refuses` are the values that it does not take."""

    held: dict[str, str] = field(default_factory=dict)
    refuses: dict[str, RuleRefused] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)

    async def add(self, rule: Rule) -> None:
        self.done.append(f"add {rule.value}")
        if rule.value in self.refuses:
            raise self.refuses[rule.value]
        self.held[rule.tag] = rule.value

    async def drop(self, tag: str) -> None:
        self.done.append(f"drop {self.held.pop(tag)}")


async def in_step(wanted: list[Rule], keeper: Keeper) -> list[str]:
    steps, troubles = Steps(wanted, keeper.held), []
    for _ in range(100):
        before = len(keeper.done)
        troubles += await steps.walk(keeper)
        if len(keeper.done) == before:
            return troubles
    raise AssertionError("never in step")


@pytest.mark.parametrize(
    ("query", "values"),
    [
        ('"aurora air" OR #auroraair', ["aurora air", "#auroraair"]),
        ('"Аврора Эйр" OR "أورورا"', ["Аврора Эйр", "أورورا"]),
        ("aurora AND (late OR lost)", ["aurora late", "aurora lost"]),
        ("aurora OR (aurora AND late)", ["aurora"]),
        ('"air aurora" OR "Aurora Air"', ["air aurora"]),
        ("lang:kk", ["Aurora Air"]),
    ],
)
def test_a_query_becomes_rules_of_words_without_quotes(query: str, values: list[str]) -> None:
    assert [rule.value for rule in rules([brand(query)])] == values


def test_own_queries_are_taken_as_vk_reads_them_and_those_of_minus_words_only_are_left_out() -> None:
    own = rules([], ['"Aurora" -job', "-job -work", "aurora late"])
    assert [rule.value for rule in own] == ['"Aurora" -job', "aurora late"]


def test_the_same_words_have_the_same_tag_wherever_they_come_from() -> None:
    one, other = rules([brand('"aurora air"')]), rules([], ["aurora air"])
    assert one == other
    assert one[0].tag.startswith(PREFIX)
    assert len(one[0].tag.encode()) <= 256


def test_a_rule_stays_within_what_vk_takes() -> None:
    many = " ".join(f"w{number}" for number in range(150))
    long = " ".join("ж" * 100 for _ in range(60))
    for value in (rule.value for rule in rules([], [many, long])):
        assert len(value.split()) <= MOST_WORDS
        assert 0 < len(value.encode()) <= LONGEST_VALUE


async def test_what_is_missing_is_added_and_what_is_stale_of_ours_is_taken_back_first() -> None:
    wanted = rules([brand('"aurora air" OR #auroraair')])
    stale = rules([], ["old words"])[0]
    keeper = Keeper({"somebody": "else", stale.tag: stale.value, wanted[0].tag: "AURORA AIR"})
    assert await in_step(wanted, keeper) == []
    assert keeper.done == ["drop old words", "add #auroraair"]
    assert set(keeper.held) == {"somebody", *(rule.tag for rule in wanted)}


async def test_rules_of_others_are_left_alone_and_leave_us_the_rest_of_the_room() -> None:
    keeper = Keeper({f"theirs{number}": "x" for number in range(MOST_RULES - 2)})
    troubles = await in_step(rules([], ["a", "b", "c", "d"]), keeper)
    assert len(keeper.held) == MOST_RULES
    assert [trouble for trouble in troubles if "2 phrases" in trouble]
    assert len(troubles) == 1


async def test_more_rules_than_a_fetch_may_change_are_changed_in_several() -> None:
    keeper = Keeper()
    steps = Steps(rules([], [f"word{number}" for number in range(25)]), {})
    for expected in (10, 20, 25, 25):
        assert await steps.walk(keeper) == []
        assert len(keeper.held) == expected


async def test_a_rule_that_is_not_taken_is_told_once_and_the_others_are_added() -> None:
    keeper = Keeper(refuses={"bad": RuleRefused("it cannot read the rule", full=False)})
    troubles = await in_step(rules([], ["good", "bad", "better"]), keeper)
    assert list(keeper.held.values()) == ["good", "better"]
    assert len(troubles) == 1
    assert "'bad'" in troubles[0]


async def test_when_vk_takes_no_more_rules_the_rest_is_told_and_not_tried() -> None:
    keeper = Keeper(refuses={"b": RuleRefused("there are too many rules", full=True)})
    troubles = await in_step(rules([], ["a", "b", "c"]), keeper)
    assert keeper.done == ["add a", "add b"]
    assert len(troubles) == 1
    assert "2 phrases" in troubles[0]


def test_hundreds_of_brands_make_rules_at_once() -> None:
    brands = [Brand(name=f"b{n}", query=" OR ".join(f"word{n}x{m}" for m in range(90))) for n in range(200)]
    assert len(rules(brands)) == 18_000
