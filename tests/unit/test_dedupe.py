"""The same story again, a repost, an edit, a deletion."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from domain.event import MentionEvent, Tick
from domain.mention import Change, Mention
from domain.post import Author
from processors.dedupe import WINDOW_TEXTS, WINDOW_TIME, Dedupe, DedupeState
from processors.fingerprint import fingerprint
from tests.kit.stores import at, mention, post

NEWS = "Aurora Air cancels all flights out of Astana on Friday because of the storm, passengers wait at the airport"
COMPLAINT = "My suitcase went to another continent and nobody at the desk of Aurora Air has answered for three days"


def said(name: str, text: str, *, minutes: float = 0, by: str = "anna", **fields: Any) -> Mention:
    return mention(post(name, text, minutes=minutes, author=Author(id=by, handle=by), **fields))


class Listening:
    """A fold and its state, fed one mention at a time."""

    def __init__(self) -> None:
        self.fold = Dedupe()
        self.state: DedupeState = self.fold.initial()

    def story_of(self, heard: Mention, change: Change = "new") -> str:
        """Feed a mention and return the native id of... its story, as the mention's own id tells."""
        self.state, outputs = self.fold.step(self.state, MentionEvent(mention=heard, change=change))
        (output,) = outputs
        assert isinstance(output, MentionEvent)
        assert output.change == change
        assert replace(output.mention, story="") == replace(heard, story="")
        return output.mention.story


@pytest.fixture
def listening() -> Listening:
    return Listening()


def test_a_new_text_begins_its_own_story(listening: Listening) -> None:
    news, complaint = said("1", NEWS), said("2", COMPLAINT)
    assert listening.story_of(news) == news.id
    assert listening.story_of(complaint) == complaint.id


@pytest.mark.parametrize(
    "again",
    [
        NEWS,
        NEWS.upper(),
        f"RT @paper: {NEWS} https://example.org/xyz",
        NEWS.replace(",", " -") + "!!!",
        f"@auroraair {NEWS} www.example.org/1?utm=2",
        NEWS.replace("all flights", "flights"),
        NEWS + " tonight",
    ],
)
def test_the_same_text_from_another_author_is_the_same_story(listening: Listening, again: str) -> None:
    first = said("1", NEWS)
    listening.story_of(first)
    assert listening.story_of(said("2", again, by="boris", network="vk")) == first.id


def test_another_complaint_about_the_same_thing_is_another_story(listening: Listening) -> None:
    listening.story_of(said("1", COMPLAINT))
    other = said("2", "Aurora Air sent my suitcase to another continent, three days at the desk and no answer for me")
    assert listening.story_of(other) == other.id


def test_thanks_from_two_people_are_two_stories_and_from_one_person_one(listening: Listening) -> None:
    first, second, third = (
        said(name, "Спасибо!", by=by) for name, by in (("1", "anna"), ("2", "boris"), ("3", "anna"))
    )
    assert listening.story_of(first) == first.id
    assert listening.story_of(second) == second.id
    assert listening.story_of(third) == first.id


def test_a_text_of_links_or_signs_only_is_told_apart_by_them(listening: Listening) -> None:
    texts = ["https://example.org/1", "https://example.org/2", "🔥🔥", "🙂"]
    heard = [said(str(number), text) for number, text in enumerate(texts)]
    assert [listening.story_of(one) for one in heard] == [one.id for one in heard]


def test_a_repost_joins_the_story_of_its_original_whatever_it_says(listening: Listening) -> None:
    first = said("1", NEWS)
    listening.story_of(first)
    repost = said("2", "and this is the country we live in", by="boris", kind="repost", repost_of="1")
    assert listening.story_of(repost) == first.id
    assert listening.story_of(said("3", "look at that", by="carl", kind="repost", repost_of="2")) == first.id


def test_reposts_of_an_original_never_heard_share_a_story_that_it_joins_later(listening: Listening) -> None:
    first = said("2", "and this is the country we live in", by="boris", kind="repost", repost_of="1")
    second = said("3", "look at that", by="carl", kind="repost", repost_of="1")
    assert listening.story_of(first) == first.id
    assert listening.story_of(second) == first.id
    assert listening.story_of(said("1", NEWS)) == first.id


def test_an_edit_keeps_its_story(listening: Listening) -> None:
    news, copy = said("1", NEWS), said("2", NEWS, by="boris")
    complaint = said("3", COMPLAINT)
    for one in (news, copy, complaint):
        listening.story_of(one)
    assert listening.story_of(said("1", COMPLAINT), "edited") == news.id
    assert (
        listening.story_of(said("2", "I take that back, everything was fine in the end with my flight"), "edited")
        == news.id
    )
    assert listening.story_of(said("3", NEWS), "edited") == complaint.id


def test_copies_of_an_edited_text_join_the_story(listening: Listening) -> None:
    news = said("1", NEWS)
    listening.story_of(news)
    listening.story_of(said("1", COMPLAINT), "edited")
    assert listening.story_of(said("2", COMPLAINT, by="boris")) == news.id
    assert listening.story_of(said("3", NEWS, by="carl")) == news.id


def test_a_deletion_passes_with_the_story_it_has(listening: Listening) -> None:
    news = said("1", NEWS)
    listening.story_of(news)
    before = listening.state
    gone = replace(news, story="kept", deleted_at=at(1))
    assert listening.story_of(gone, "deleted") == "kept"
    assert listening.state == before


def test_a_deletion_without_a_story_gets_the_one_that_is_remembered(listening: Listening) -> None:
    news, copy, unheard = said("1", NEWS), said("2", NEWS, by="boris"), said("3", COMPLAINT)
    for one in (news, copy):
        listening.story_of(one)
    before = listening.state
    for one, story in ((news, news.id), (copy, news.id), (unheard, "")):
        assert listening.story_of(replace(one, deleted_at=at(1)), "deleted") == story
    assert listening.state == before


def test_a_mention_heard_twice_changes_nothing(listening: Listening) -> None:
    heard = [said("1", NEWS), said("2", NEWS, by="boris"), said("3", COMPLAINT), said("4", "ok")]
    stories = [listening.story_of(one) for one in heard]
    before = listening.state
    assert [listening.story_of(one) for one in heard] == stories
    assert listening.state == before


def test_a_story_is_forgotten_after_its_time_and_kept_alive_by_use(listening: Listening) -> None:
    days = WINDOW_TIME / timedelta(minutes=1)
    first, again = said("1", NEWS), said("2", NEWS, minutes=days * 0.9, by="boris")
    later = said("3", NEWS, minutes=days * 1.8, by="carl")
    late = said("4", NEWS, minutes=days * 3, by="dana")
    assert [listening.story_of(one) for one in (first, again, later)] == [first.id] * 3
    assert listening.story_of(late) == late.id


def test_the_state_is_bounded_however_much_is_heard(listening: Listening) -> None:
    for number in range(WINDOW_TEXTS * 2):
        text = " ".join(f"word{number * 31 + place}" for place in range(12))
        listening.story_of(said(f"a{number}", text, minutes=number))
        listening.story_of(said(f"b{number}", text, minutes=number, by="boris"))
    state = listening.state
    assert len(state.stories) == len(state.exact) // 8 == len(state.simhash) // 8 == len(state.used) // 8
    assert len(state.stories) == len(state.joined) == WINDOW_TEXTS
    assert len(msgspec.msgpack.encode(state)) < 70_000
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=DedupeState) == state


def test_a_story_does_not_drift_from_copy_to_copy() -> None:
    words = f"{NEWS} {COMPLAINT}".split()
    listening = Listening()
    first = said("0", " ".join(words))
    stories = [listening.story_of(first)]
    for place in range(len(words)):
        words[place] = f"other{place}"
        stories.append(listening.story_of(said(str(place + 1), " ".join(words), by=f"a{place}")))
    assert stories[1] == first.id
    assert stories[-1] != first.id


def test_time_and_other_events_are_not_its_business() -> None:
    fold = Dedupe()
    state = fold.initial()
    assert fold.step(state, Tick(brand="Aurora Air", at=at(0))) == (state, [])
    assert fold.due(state) is None
    assert fold.name == "dedupe"
    assert fold.accepts == (MentionEvent,)


def test_fingerprints_are_the_same_on_every_machine() -> None:
    assert fingerprint(NEWS, "") == fingerprint(f"  {NEWS}. ", "someone else")
    assert fingerprint(NEWS, "").exact == EXACT
    assert fingerprint(NEWS, "").simhash == SIMHASH


EXACT, SIMHASH = 3833264436589268430, 5286858942457202552
