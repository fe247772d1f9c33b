"""HTML to plain text, once, in the connector. Hostile input costs bounded time and never the stack."""

import re
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

LARGEST_MARKUP = 200_000
"""Characters of HTML that are read; what comes after them is cut."""
_MOST_TAGS = 5_000  # parsing time grows with the square of the depth: this many nested blocks take 50 ms

_BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "br", "dd", "details", "div", "dl", "dt", "fieldset",
    "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main",
    "nav", "ol", "option", "p", "pre", "section", "summary", "table", "td", "th", "tr", "ul",
})  # fmt: skip
_UNSEEN = frozenset({
    "embed", "head", "iframe", "math", "noscript", "object", "script", "style", "svg", "template", "textarea",
    "title",
})  # fmt: skip
_TEXT, _COMMENT_LIKE = "-text", frozenset({"-comment", "_comment", "!doctype"})
_SPACES = re.compile(r"[ \t\r\f\v\u00a0]+")
_BREAKS = re.compile(r" ?(?:\n ?)+")


def clean(text: str) -> str:
    """Make a string that any store takes: half characters (lone surrogates) become the replacement character."""
    return text.encode("utf-8", "replace").decode("utf-8") if _has_surrogates(text) else text


def plain_text(html: str) -> str:
    """Read HTML as a person would: blocks on their own lines, links by their text, scripts and styles unseen."""
    html = clean(html[:LARGEST_MARKUP])
    if "<" not in html and "&" not in html:
        return _tidy(html)
    parser = LexborHTMLParser("<".join(html.split("<", _MOST_TAGS)[:_MOST_TAGS]))
    return _tidy("".join(_pieces(parser.body or parser.root)))


def _pieces(top: LexborNode | None) -> Iterator[str]:
    """Walk the tree without recursion: text as it comes, a line break where a block begins or ends."""
    node, end = top, top.mem_id if top else 0  # nodes compare by their whole HTML, so identity is the memory address
    while node is not None:
        tag = node.tag or ""
        if tag == _TEXT:
            yield _one_line(node.text_content or "")
        elif tag in _BLOCKS:
            yield "\n"
        below = None if tag in _UNSEEN or tag in _COMMENT_LIKE else node.first_child
        if below is not None:
            node = below
            continue
        while node is not None and node.next is None:
            node = None if node.mem_id == end else node.parent
            if node is not None and node.tag in _BLOCKS:
                yield "\n"
        node = None if node is None or node.mem_id == end else node.next


def _one_line(text: str) -> str:
    return _SPACES.sub(" ", text.replace("\n", " "))


def _tidy(text: str) -> str:
    return _BREAKS.sub("\n", _SPACES.sub(" ", text)).strip()


def _has_surrogates(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False
