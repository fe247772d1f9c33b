"""HTML from strangers becomes the text that a person would read."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.markup import LARGEST_MARKUP, clean, plain_text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        ("plain", "plain"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("Tom &amp; Ayg&uuml;l &#1078;&#x416; &nbsp; &lt;b&gt;", "Tom & Aygül жЖ <b>"),
        ("<p>one</p><p>two<br>three</p>four", "one\ntwo\nthree\nfour"),
        ("<ul><li>a<li>b</ul><table><tr><td>c<td>d</table>", "a\nb\nc\nd"),
        ("<div><div>a</div>b</div>c", "a\nb\nc"),
        ('see <a href="https://x.example/long">this <b>link</b></a>!', "see this link!"),
        ("a<script>steal()</script><style>b{}</style><!-- c --><template>d</template>e", "ae"),
        ("<svg><text>x</text></svg><iframe src=x>y</iframe>z", "z"),
        ("  much \t\n space  ", "much\nspace"),
        ("<p> much \t\n space </p>", "much space"),
        ("<p>Аврора</p><p>طيران</p>", "Аврора\nطيران"),
        ("<b>no <i>end", "no end"),
        ("</p></div>x", "x"),
        ("<p>a\x00b</p>", "ab"),
        ("<frameset><frame>", ""),
    ],
)
def test_html_reads_as_a_person_would_read_it(html: str, text: str) -> None:
    assert plain_text(html) == text


@pytest.mark.parametrize(
    "piece",
    ["<div>", "<b><i><p>", "<table>", "<table><tr><td>", "<a>", "<select><option>", "<p>x", "<![CDATA[", "<!--", "<"],
)
def test_a_bomb_of_tags_ends_and_says_little(piece: str) -> None:
    assert len(plain_text("Aurora " + piece * 200_000)) <= LARGEST_MARKUP


def test_deep_nesting_needs_no_deep_stack() -> None:
    deeper_than_python = sys.getrecursionlimit() * 3
    assert plain_text("<b>" * deeper_than_python + "Aurora" + "</b>" * deeper_than_python) == "Aurora"


def test_half_characters_become_whole_ones() -> None:
    assert clean("a\ud800b") == "a?b"
    assert plain_text("<p>a\udfffb</p>").encode() == b"a?b"
    assert clean("whole 😀") == "whole 😀"


@given(st.text(alphabet=st.characters(), max_size=200))
def test_anything_gives_text_that_can_be_stored(html: str) -> None:
    plain_text(html).encode("utf-8")
    plain_text(f"<p>{html}</p>").encode("utf-8")
