"""The real recorded stream through the sources that read files."""

from collections import Counter

import pytest

from tests.kit.airlines import STREAM, needs_stream, rows
from tests.kit.reading import file_source, read_all

pytestmark = [pytest.mark.shared, needs_stream]


async def test_every_row_of_the_real_stream_becomes_a_post_and_none_a_dead_letter() -> None:
    found = await read_all(file_source(STREAM))
    written = Counter(str(row["id"]) for row in rows())
    assert Counter(post.native_id for post in found.posts) == written
    assert found.dead_letters == []
    assert {post.author.handle for post in found.posts} == {row["author"] for row in rows()}


async def test_the_real_stream_goes_on_from_any_page() -> None:
    whole = await read_all(file_source(STREAM, page_size=700))
    for cut in (1, 4, 7):
        rest = await read_all(file_source(STREAM, page_size=700), whole.cursors[cut])
        assert [post.native_id for post in rest.posts] == [post.native_id for post in whole.posts[cut * 700 :]]
