"""Whatever a network sends, a normalised post is clean, stays clean, and nothing but a refusal is raised."""

import re
import unicodedata

from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.errors import Refused
from domain.post import Author, Engagement, Post
from processors.normalise import NAME_LIMIT, TEXT_LIMIT, TITLE_LIMIT, normalise
from processors.plain_text import plain_text
from tests.kit.stores import post

FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

nasty = st.sampled_from(
    "\x00\t\n\r\x0b\x1c\x85\u00a0\u00ad\u034f\u061c\u115f\u180e\u200b\u200c\u200d\u200e\u2028\u202e\u2066\u2069\u2060"
    "\u3164\ufe0f\ufeff\uffff\ud83d\ude80\udfff\u0301\u0327\u064e\u0651aé\u0627\u0628\u0915\u094d👩🏴\U0001f3fd\u2640"
    "\uac00\u11a8 "
)
texts = st.text(nasty | st.characters(), max_size=60) | st.text(nasty, max_size=40)
numbers = st.none() | st.integers()
posts = st.builds(
    post,
    native_id=texts,
    text=texts,
    title=texts,
    network=st.sampled_from(["VK", "x", "", "v\nk"]) | texts,
    version=texts,
    url=texts | texts.map(lambda text: f"https://example.org/{text}"),
    lang=texts,
    author=st.builds(Author, id=texts, name=texts, handle=texts, url=texts, followers=numbers),
    engagement=st.builds(Engagement, likes=numbers, reposts=numbers, replies=numbers, views=numbers),
    rating=numbers,
    deleted=st.booleans(),
)


@settings(max_examples=400, deadline=None)
@given(raw=posts)
def test_a_normalised_post_is_clean_and_stays_as_it_is(raw: Post) -> None:
    try:
        (cleaned,) = normalise(raw)
    except Refused:
        return
    author = cleaned.author
    for text in (cleaned.text, cleaned.title, cleaned.url, cleaned.lang, author.name, author.handle, author.url):
        assert not FORBIDDEN.search(text)
    for line in (cleaned.title, cleaned.url, author.id, author.name, author.handle):
        assert "\n" not in line
    assert len(cleaned.text) <= TEXT_LIMIT
    assert len(cleaned.title) <= TITLE_LIMIT
    assert max(len(author.id), len(author.name), len(author.handle)) <= NAME_LIMIT
    assert cleaned.id == raw.id
    assert normalise(cleaned) == [cleaned]


@settings(max_examples=600, deadline=None)
@given(text=texts, limit=st.integers(1, 12) | st.just(1_000))
@example("\u0627\u0301\u064e\u200c\u064e\u0628", 1_000)
@example("a\u200d\u0301", 1_000)
def test_plain_text_is_idempotent_composed_and_within_its_limit(text: str, limit: int) -> None:
    plain = plain_text(text, limit=limit)
    assert plain_text(plain, limit=limit) == plain
    assert unicodedata.is_normalized("NFC", plain)
    assert len(plain) <= limit
    assert not FORBIDDEN.search(plain)
    assert plain == plain.strip()
    assert "\n\n\n" not in plain
    assert "  " not in plain
