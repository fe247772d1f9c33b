"""Whatever is heard, in whatever order: resuming from a stored state and hearing things twice change nothing."""

from datetime import timedelta
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.event import MentionEvent, Output
from domain.mention import Change
from domain.post import Author
from processors.dedupe import WINDOW_TIME, Dedupe, DedupeState
from tests.kit.stores import mention, post

TEXTS = (
    "Aurora Air cancels all flights out of Astana on Friday because of the storm",
    "Aurora Air cancels flights out of Astana on Friday because of the storm",
    "My suitcase went to another continent and nobody has answered me for three days",
    "рейс задержали на три часа никто ничего не говорит и воды не дают",
    "спасибо",
    "ok",
    "",
)

WINDOW = WINDOW_TIME // timedelta(minutes=1)


@st.composite
def events(draw: st.DrawFn, latest: int = 30_000) -> MentionEvent:
    number = draw(st.integers(0, 9))
    written = post(
        str(number),
        TEXTS[draw(st.integers(0, len(TEXTS) - 1))],
        minutes=draw(st.integers(0, latest)),
        author=Author(handle=draw(st.sampled_from(["anna", "boris"]))),
        repost_of=draw(st.sampled_from(["", "", "", "1", "2", "99"])),
    )
    change: Change = draw(st.sampled_from(["new", "new", "edited", "deleted", "recounted"]))
    return MentionEvent(mention=mention(written), change=change)


def run(stream: list[MentionEvent], *, cut: int = -1) -> tuple[DedupeState, list[Output]]:
    fold = Dedupe()
    state, said = fold.initial(), []
    for place, event in enumerate(stream):
        if place == cut:
            state = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=fold.state_type)
        state, outputs = fold.step(state, event)
        said += outputs
    return state, said


@settings(max_examples=150, deadline=None)
@given(stream=st.lists(events(), max_size=30), cut=st.integers(0, 30))
def test_resuming_from_the_stored_state_is_as_if_nothing_happened(stream: list[MentionEvent], cut: int) -> None:
    assert run(stream, cut=cut) == run(stream)


@settings(max_examples=150, deadline=None)
@given(stream=st.lists(events(WINDOW), max_size=30, unique_by=lambda event: event.mention.id), data=st.data())
def test_hearing_a_mention_again_within_the_window_changes_nothing(stream: list[MentionEvent], data: Any) -> None:
    fresh = [msgspec.structs.replace(event, change="new") for event in stream]
    state, said = run(fresh)
    again = data.draw(st.lists(st.sampled_from(fresh), max_size=10)) if fresh else []
    repeated_state, repeated_said = run(fresh + again)
    assert repeated_state == state
    assert repeated_said[: len(said)] == said
    assert all(output in said for output in repeated_said)


@settings(max_examples=150, deadline=None)
@given(stream=st.lists(events(), max_size=30))
def test_every_mention_but_one_deleted_or_recounted_comes_out_with_a_story(stream: list[MentionEvent]) -> None:
    _, said = run(stream)
    assert len(said) == len(stream)
    for event, output in zip(stream, said, strict=True):
        assert isinstance(output, MentionEvent)
        assert output.change == event.change
        assert output.mention.id == event.mention.id
        assert output.mention.story or event.change in {"deleted", "recounted"}


@settings(max_examples=150, deadline=None)
@given(stream=st.lists(events(WINDOW), max_size=30))
def test_a_deletion_and_new_counters_within_the_window_have_the_story_that_was_last_told(
    stream: list[MentionEvent],
) -> None:
    told: dict[str, str] = {}
    for output in run(stream)[1]:
        assert isinstance(output, MentionEvent)
        mention = output.mention
        if output.change not in {"deleted", "recounted"}:
            told[mention.id] = mention.story
        elif mention.id in told:
            assert mention.story == told[mention.id]
