"""What every store promises of people's acts, and of the brand's own replies."""

from msgspec.structs import replace

from domain.act import Acknowledge, AnyAct
from domain.mention import MentionQuery
from domain.post import Engagement
from storage.store import Commit, MentionStore
from tests.kit.stores import (
    at,
    correct,
    ids,
    judged,
    mention,
    post,
    replied,
)


def test_a_correction_is_shown_searched_and_counted_and_the_model_s_word_is_kept(store: MentionStore) -> None:
    told = mention(post(), judgement=judged("negative", "normal", "delivery"))
    store.commit(Commit(mentions=[told]))
    store.keep(correct(told, sentiment="positive", urgency="low", by="Inna"))
    assert told.judgement is not None
    wanted = replace(
        told.judgement,
        sentiment="positive",
        urgency="low",
        corrected_by="Inna",
        model_said={"sentiment": "negative", "urgency": "normal"},
    )
    assert store.search(MentionQuery(sentiment="positive", urgency="low")) == [replace(told, judgement=wanted)]
    assert store.search(MentionQuery(text="bag", sentiment="positive")) == [replace(told, judgement=wanted)]
    assert store.count(MentionQuery(sentiment="negative")) == store.count(MentionQuery(urgency="normal")) == 0
    assert store.stats(MentionQuery())[0].sentiments == {"positive": 1}
    assert store.mention(told.id) == store.mentions_of(told.post.id)[0] == replace(told, judgement=wanted)


def test_the_same_act_twice_changes_nothing(store: MentionStore) -> None:
    told = mention(post(), judgement=judged())
    store.commit(Commit(mentions=[told]))
    store.keep(correct(told, sentiment="positive"))
    once = store.mention(told.id)
    store.keep(correct(told, sentiment="neutral"))
    assert store.mention(told.id) == once
    assert store.acts() == [correct(told, sentiment="positive")]


def test_a_mention_read_again_stays_corrected(store: MentionStore) -> None:
    told = mention(post(), judgement=judged())
    store.commit(Commit(mentions=[told]))
    store.keep(correct(told, theme="staff"))
    before = store.mention(told.id)
    assert before is not None
    seen_again = replace(told, post=replace(told.post, version="2", engagement=Engagement(likes=9)))
    for again, expected in ((told, told), (seen_again, seen_again)):
        store.commit(Commit(mentions=[again], edited_posts=[told.post.id]))
        assert store.mention(told.id) == replace(before, post=expected.post)
    store.commit(Commit(deleted_posts={told.post.id: at(3)}))
    assert store.mention(told.id) == replace(before, post=seen_again.post, deleted_at=at(3))


def test_an_edit_of_the_text_ends_a_correction_and_keeps_the_act(store: MentionStore) -> None:
    first, second = post(), post(text="Aurora Air found my bag", version="2")
    told, edited = mention(first, judgement=judged()), mention(second, judgement=judged("positive", "low", "praise"))
    act = correct(told, sentiment="neutral")
    store.commit(Commit(mentions=[told], acts=[act]))
    store.commit(Commit(mentions=[edited], edited_posts=[first.id]))
    assert store.mention(told.id) == edited
    assert store.acts() == [act]
    store.commit(Commit(mentions=[told], edited_posts=[first.id]))
    (back,) = store.search(MentionQuery(sentiment="neutral"))
    assert back.judgement is not None
    assert back.judgement.corrected_by == "Inna", "the text that was judged is back, and so is the word on it"


def test_a_correction_may_come_before_its_mention(store: MentionStore) -> None:
    told = mention(post(), judgement=judged())
    store.keep(correct(told, urgency="critical"))
    assert store.mention(told.id) is None
    store.commit(Commit(mentions=[told]))
    assert store.count(MentionQuery(urgency="critical")) == 1


def test_the_latest_word_on_each_task_counts_whenever_it_arrives(store: MentionStore) -> None:
    told = mention(post(), judgement=judged("negative", "normal"))
    store.commit(Commit(mentions=[told]))
    store.keep(correct(told, act_id="c2", minutes=9, sentiment="positive", by="Dana"))
    store.keep(correct(told, act_id="c1", minutes=5, sentiment="neutral", urgency="high", by="Inna"))
    (found,) = store.search(MentionQuery(sentiment="positive", urgency="high"))
    assert found.judgement is not None
    assert found.judgement.corrected_by == "Dana"
    assert found.judgement.model_said == {"sentiment": "negative", "urgency": "normal"}


def test_review_lists_what_the_model_is_unsure_of_until_somebody_judges_it(store: MentionStore) -> None:
    unsure = mention(post("1"), judgement=judged("negative", review="sentiment 0.41"))
    doubted = mention(post("2", minutes=1), judgement=judged("positive", review="urgency 0.38"))
    store.commit(Commit(mentions=[unsure, doubted, mention(post("3"), judgement=judged()), mention(post("4"))]))
    assert ids(store, review=True) == ["2", "1"]
    assert ids(store, review=True, sentiment="negative") == ids(store, review=True, text="bag", until=at(1)) == ["1"]
    assert store.count(MentionQuery(review=True)) == store.stats(MentionQuery(review=True))[0].mentions == 2
    store.keep(correct(unsure, act_id="c1", sentiment="neutral"))
    store.keep(correct(doubted, act_id="c2", confirm=True))
    assert ids(store, review=True) == []
    store.commit(Commit(mentions=[unsure]))
    assert ids(store, review=True) == [], "read again, it is still judged"


def test_acts_come_in_order_of_time_by_brand_and_since(store: MentionStore) -> None:
    ours, theirs = mention(post("1")), mention(post("2"), brand="Borealis Jet")
    first = correct(ours, act_id="c1", minutes=1, theme="staff")
    second = correct(theirs, act_id="c2", minutes=2, theme="staff")
    taken = Acknowledge(id="a1", by="Dana", at=at(3), brand="Aurora Air", incident="i1")
    store.commit(Commit(acts=[taken, second]))
    store.keep(first)
    assert store.acts() == [first, second, taken]
    assert store.acts(brand="Aurora Air") == [first, taken]
    assert store.acts(since=at(2)) == [second, taken]
    assert store.acts(kind="correct") == [first, second]
    assert store.acts(kind="acknowledge", brand="Aurora Air", since=at(3)) == [taken]
    assert store.acts(kind="replied") == []


def test_a_reply_stops_the_clock_of_its_mention_and_of_no_other(store: MentionStore) -> None:
    asked, other = mention(post("1")), mention(post("2"))
    rival = mention(post("1"), brand="Borealis Jet")
    store.commit(Commit(mentions=[asked, other, rival]))
    store.keep(replied(asked, minutes=12))
    assert store.mention(asked.id) == replace(asked, first_response_at=at(12))
    assert store.search(MentionQuery(brand="Aurora Air", text="bag")) == store.search(
        MentionQuery(brand="Aurora Air")
    )
    assert store.mentions_of(asked.post.id) == [replace(asked, first_response_at=at(12)), rival]
    assert store.mention(other.id) == other
    assert store.acts() == [replied(asked, minutes=12)]


def test_the_earliest_reply_counts_whenever_it_is_heard(store: MentionStore) -> None:
    asked = mention(post())
    store.commit(Commit(acts=[replied(asked, act_id="r2", minutes=30)]))
    assert store.mention(asked.id) is None
    store.commit(Commit(mentions=[asked]))
    assert store.mention(asked.id) == replace(asked, first_response_at=at(30)), "heard before its mention"
    store.keep(replied(asked, act_id="r1", minutes=5))
    store.keep(replied(asked, act_id="r3", minutes=90))
    store.keep(replied(asked, act_id="r2", minutes=1))
    assert store.mention(asked.id) == replace(asked, first_response_at=at(5)), "an act is kept as it first was"


def test_an_answered_mention_stays_so_when_it_is_read_again_edited_corrected_or_deleted(store: MentionStore) -> None:
    asked = mention(post(), judgement=judged())
    store.commit(Commit(mentions=[asked], acts=[replied(asked)]))
    store.commit(Commit(mentions=[asked]))
    edited = mention(post(text="Aurora Air found my bag", version="2"), judgement=judged("positive"))
    store.commit(Commit(mentions=[edited], edited_posts=[edited.post.id]))
    assert store.mention(asked.id) == replace(edited, first_response_at=at(12))
    store.keep(correct(edited, sentiment="neutral"))
    found = store.mention(asked.id)
    assert found is not None
    assert found.judgement is not None
    assert (found.judgement.sentiment, found.first_response_at) == ("neutral", at(12))
    store.commit(Commit(deleted_posts={asked.post.id: at(60)}))
    assert store.mention(asked.id) == replace(found, deleted_at=at(60))


def test_stats_say_how_many_were_answered_and_how_soon(store: MentionStore) -> None:
    told = [mention(post(str(number), minutes=number)) for number in range(5)]
    other = mention(post("9"), brand="Borealis Jet")
    waits = ((0, 2), (1, 11), (3, 5), (4, 1))
    acts: list[AnyAct] = [replied(told[number], act_id=f"r{number}", minutes=minutes) for number, minutes in waits]
    store.commit(Commit(mentions=[*told, other], acts=acts))
    for asked in (MentionQuery(), MentionQuery(text="bag")):
        air, jet = store.stats(asked)
        assert (air.mentions, air.answered, air.response_seconds) == (5, 4, 120.0), "0, 2, 2 and 10 minutes"
        assert (jet.answered, jet.response_seconds) == (0, None)
    (early,) = store.stats(MentionQuery(brand="Aurora Air", until=at(2)))
    assert (early.answered, early.response_seconds) == (2, 360.0)
    store.commit(Commit(deleted_posts={told[0].post.id: at(9)}))
    assert store.stats(MentionQuery())[0].answered == 3
