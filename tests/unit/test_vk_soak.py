"""A lively VK that fails a third of the time, with crashes in between, for most of an hour: the store is right."""

from random import Random
from typing import Any

import pytest

from domain.errors import RetryLater
from domain.post import Post
from tests.kit.cases_vk import ADA, AURORA, BOB, CITY, listening
from tests.kit.ingest import Clock
from tests.kit.scripted_http import Told
from tests.networks.vk import Vk, failed

FAULTS = (failed(10), failed(6), failed(1), Told(500), Told(429, headers={"retry-after": "3"}), Told(body=b"{"))


class Life:
    """What people do on two walls, by chance."""

    def __init__(self, vk: Vk, random: Random, clock: Clock) -> None:
        self.vk, self.random, self.clock = vk, random, clock
        self.shown: dict[str, str] = {}
        self.number = 0

    def happen(self) -> None:
        """One thing."""
        now, what = self.clock().timestamp(), self.random.random()
        posts = [name for name in self.shown if "_r" not in name]
        self.number += 1
        text = f"Aurora Air {self.number}"
        if what < 0.25 or not posts:
            self.shown[
                self.vk.post(self.random.choice([AURORA, CITY]), text, now, by=self.random.choice([None, ADA]))
            ] = text
        elif what < 0.75:
            self._comment(self.random.choice(posts), text, now)
        elif what < 0.9:
            name = self.random.choice(list(self.shown))
            self.shown[name] = text
            self.vk.thing(name)["text"] = text
            if "_r" not in name:
                self.vk.thing(name)["edited"] = int(now)
        else:
            self._delete(self.random.choice(list(self.shown)))

    def _comment(self, post: str, text: str, now: float) -> None:
        under = [name for name in self.shown if name.startswith(f"{post}_r")]
        tops = [int(name.rpartition("_r")[2]) for name in under if not self.vk.thing(name)["parents_stack"]]
        thread = self.random.choice([0, *tops])
        self.shown[self.vk.comment(post, text, now, by=self.random.choice([ADA, BOB, AURORA]), thread=thread)] = text

    def _delete(self, name: str) -> None:
        """A post goes with its comments, a comment with its thread."""
        number = name.rpartition("_r")[2]
        below = [name]
        for other in self.shown:
            inside = "_r" in name and "_r" in other and str(self.vk.thing(other)["parents_stack"]) == f"[{number}]"
            if other.startswith(f"{name}_r") or (inside and other.startswith(name.partition("_r")[0] + "_r")):
                below.append(other)
        for one in reversed(below):
            self.vk.remove(one)
            del self.shown[one]


def stored(posts: list[Post]) -> dict[str, str]:
    """What a store holds: the last version of each post, and none that was deleted."""
    found: dict[str, str] = {}
    for post in posts:
        found[post.native_id] = post.text
        if post.deleted:
            del found[post.native_id]
    return found


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("table", [{}, {"batch": 1}, {"via": "search", "queries": ["aurora"]}], ids=str)
async def test_in_the_end_the_store_holds_what_vk_shows(seed: int, table: dict[str, Any]) -> None:
    random = Random(seed)
    async with listening() as (vk, clock, made):
        life = Life(vk, random, clock)
        for _ in range(40):
            life.happen()
        posts: list[Post] = []
        cursor, source = None, made(**table)
        calm = 40
        for minute in range(calm + 10):
            if minute < calm:
                life.happen()
                life.happen()
                vk.server.override = lambda asked: random.choice(FAULTS) if random.random() < 0.3 else vk.say(asked)
                vk.arriving = [life.happen] if random.random() < 0.3 else []
            else:
                vk.server.override = None
                clock.advance(1_800)
            for _ in range(60):
                try:
                    page = await source.fetch(cursor)
                except RetryLater as error:
                    clock.advance(error.after or 2)
                    continue
                posts += [record.post for record in page.records]
                if random.random() < 0.1:
                    source = made(**table)
                    continue
                cursor = page.cursor
                if page.wait:
                    break
            clock.advance(60)
        expected = life.shown if "via" not in table else {n: text for n, text in life.shown.items() if "_r" not in n}
        assert len(expected) > 20
        assert stored(posts) == expected
