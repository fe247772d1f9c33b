"""How often what was given is looked at again: the older, the less often."""

import pytest

from ingest import relook

NOW = 1_795_000_000


@pytest.mark.parametrize(
    ("after", "hours"),
    [(0, 0), (599, 0), (600, 2), (3_599, 2), (3_600, 12), (21_599, 12), (21_600, 48), (400_000, 48)],
)
def test_the_young_are_due_first(after: int, hours: float) -> None:
    assert relook.due(relook.fresh(NOW), NOW + after, most=48) == hours


def test_what_was_looked_at_is_not_due_before_its_time() -> None:
    looked = relook.done(relook.fresh(NOW), NOW + 3_600, 12, most=48)
    assert relook.due(looked, NOW + 3_600 + 599, most=48) == 0
    assert relook.due(looked, NOW + 3_600 + 600, most=48) == 2
    assert relook.due(looked, NOW + 21_600, most=48) == 48


def test_nothing_is_older_than_is_asked_for() -> None:
    later = NOW + 21_600
    assert relook.due(relook.fresh(NOW), later, most=6) == 6
    assert relook.due(relook.fresh(NOW), later, most=0) == 0
    assert relook.done(relook.fresh(NOW), later, 6, most=6) == relook.fresh(later)
