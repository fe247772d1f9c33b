"""Whatever is said to us, the answer is one of a few fixed words: on the word `remove` VK would let us go."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ingest.http import HttpTransport, PoliteClient
from ingest.vk.config import Config
from ingest.vk.push.callback import CallbackSource
from ingest.vk.push.events import KNOWN
from tests.kit.cases_vk_push import CALLBACK
from tests.kit.ingest import SECRET, Clock
from tests.networks.vk_happenings import GROUP

WORDS = {b"ok", b"later", b"refused", b"unreadable", b"too large", b"c0nf1rm"}

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("remove"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
kinds = st.sampled_from([*sorted(KNOWN), "confirmation", "remove"]) | st.text()
events = st.fixed_dictionaries(
    {"type": kinds, "group_id": st.just(GROUP) | anything},
    optional={
        "object": anything | st.fixed_dictionaries({"id": st.integers(), "text": st.text()}),
        "secret": st.just(SECRET) | anything,
        "event_id": st.text() | st.just("remove"),
        "v": anything,
    },
)


def _json(told: Any) -> bytes:
    return json.dumps(told).encode()


bodies = st.binary() | st.just(b"remove") | anything.map(_json) | events.map(_json)


@pytest.fixture(scope="module")
def client() -> Iterator[PoliteClient]:
    """Without a token nobody is asked anything."""
    client = PoliteClient(HttpTransport(), clock=Clock())
    yield client
    asyncio.run(client.aclose())


@settings(max_examples=400)
@given(headers=st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=3), body=bodies)
def test_no_request_makes_the_answer_anything_but_a_fixed_word(
    client: PoliteClient, headers: dict[str, str], body: bytes
) -> None:
    source = CallbackSource(
        Config.model_validate(CALLBACK), client=client, clock=Clock(), commit_wait=0.001, idle_wait=0.001
    )
    status, told, answer = asyncio.run(source.receive(headers, body))
    assert answer in WORDS
    assert (status == 200) == (answer in {b"ok", b"c0nf1rm"})
    assert set(told) <= {"content-type", "retry-after"}
    assert told["content-type"] == "text/plain"


@pytest.mark.parametrize("word", ["remove", " Remove\n", "рем"])
def test_a_confirmation_that_would_let_vk_go_is_not_taken(word: str) -> None:
    with pytest.raises(ValidationError, match="confirmation"):
        Config.model_validate({**CALLBACK, "confirmation": word})
