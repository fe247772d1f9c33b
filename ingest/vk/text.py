"""VK's text to plain text: wiki links by their words, entities and breaks as a reader sees them."""

import html
import re

from ingest.markup import clean, plain_text

_WIKI = re.compile(
    r"\[(?:(?:id|club|public|event|app|page|topic)-?\d+[\w:-]{0,60}|#[^\[\]|\n]{1,100}|https?://[^\[\]|\s]{1,500})"
    r"\|([^\[\]|\n]{0,300})(?:\|[^\[\]\n]{0,500})?\]",
    re.IGNORECASE,
)
_TAG = re.compile(r"</?(?:a|b|br|div|em|i|iframe|img|p|script|span|strong|style|svg|u)\b", re.IGNORECASE)


def words(text: str) -> str:
    """What a reader reads. `[id1|Ada]` is Ada; the stream's `<br>` and `&amp;` are what they mean.

    Text of a wall holds no HTML, so that `<Aurora>` there is what somebody wrote; real tags are taken for HTML.
    """
    text = _WIKI.sub(_shown, clean(text))
    if not _TAG.search(text):
        text = html.escape(html.unescape(text), quote=False)
    return plain_text(text.replace("\n", "<br>"))


def _shown(link: re.Match[str]) -> str:
    return link[1]
