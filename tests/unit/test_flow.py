"""What changed of what was known of a post, and how arrivals are cut into runs."""

from msgspec.structs import replace

from domain.correction import corrected
from domain.mention import Mention
from domain.post import Post
from tests.kit.stores import at, correct, judged, mention, post
from tocsin.runtimes.flow import changes, runs

AIR, JET = "Aurora Air", "Borealis Jet"


def told(of: Post, mentions: list[Mention], before: list[Mention]) -> list[tuple[str, str]]:
    return [(event.brand, event.change) for event in changes(of, mentions, before)]


def test_a_mention_is_new_where_there_was_none_and_edited_where_there_was_one() -> None:
    one = post()
    assert told(one, [mention(one, brand=AIR), mention(one, brand=JET)], [mention(one, brand=JET)]) == [
        (AIR, "new"), (JET, "edited"),
    ]  # fmt: skip


def test_a_mention_that_was_deleted_is_new_again_and_is_not_deleted_twice() -> None:
    one = post()
    gone = mention(one, deleted_at=at(1))
    assert told(one, [mention(one)], [gone]) == [(AIR, "new")]
    assert told(one, [], [gone]) == []


def test_what_does_not_match_any_more_is_deleted_when_the_edit_was_heard_and_keeps_its_last_text() -> None:
    edit = post(text="nothing of the kind", version="2", minutes=5)
    before = mention(post(text="Aurora Air lost my bag"), story="told before")
    (event,) = changes(edit, [], [before])
    assert event.change == "deleted"
    assert event.mention == replace(before, deleted_at=edit.collected_at)


def test_a_deletion_is_told_as_the_model_judged_it_whatever_people_said_since() -> None:
    before = mention(post(), judgement=judged("negative", "critical"))
    (event,) = changes(post(deleted=True, text=""), [], [corrected(before, [correct(before, sentiment="positive")])])
    assert event.mention.judgement == before.judgement


def cut(*versions: tuple[str, str]) -> list[list[tuple[str, str]]]:
    posts = [post(native_id, version=version) for native_id, version in versions]
    return [[(one.native_id, one.version) for one in run] for run in runs(posts, lambda one: (one.id, one.version))]


def test_a_run_holds_a_post_once_and_the_next_run_begins_with_its_next_version() -> None:
    a1, a2, b1 = ("a", "1"), ("a", "2"), ("b", "1")
    assert cut() == []
    assert cut(a1, b1) == [[a1, b1]]
    assert cut(a1, b1, a2, b1) == [[a1, b1], [a2, b1]]
    assert cut(a1, a2, a1) == [[a1], [a2], [a1]]


def test_the_same_version_twice_in_a_run_is_one() -> None:
    a1, b1 = ("a", "1"), ("b", "1")
    assert cut(a1, b1, a1, a1, b1) == [[a1, b1]]


def test_the_network_is_the_same_in_any_case() -> None:
    one, other = post(network="VK"), post(network="vk", version="2")
    assert list(runs([one, other], lambda each: (each.id, each.version))) == [[one], [other]]
