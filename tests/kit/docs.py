"""Reads the documentation as its reader sees it: pages, links, code blocks, commands."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)|<(?:img|source)[^>]*?(?:src|srcset)=\"([^\"]+)\"")
_HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)


class Block(NamedTuple):
    """One fenced block of a page."""

    page: Path
    language: str
    text: str


def pages(*, generated: bool = True) -> list[Path]:
    """README, CHANGELOG and everything under docs/."""
    found = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return found if generated else [page for page in found if page.parent.name != "reference"]


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page."""
    return [Block(page, language, text) for language, text in _FENCE.findall(page.read_text(encoding="utf-8"))]


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def links(page: Path) -> list[str]:
    """Where the page points: the targets of links and pictures."""
    return [one or other for one, other in _LINK.findall(prose(page))]


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the page's headings."""
    titles = _HEADING.findall(prose(page))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def commands(page: Path, program: str) -> Iterator[list[str]]:
    """Every command line of `program` that the page shows, in blocks and in the text, as words."""
    lines = [line for block in blocks(page) if block.language in {"sh", "console"} for line in _joined(block.text)]
    lines += _INLINE.findall(prose(page))
    for line in lines:
        for part in re.split(r"\s(?:\||&&|;)\s", line.removeprefix("$ ")):
            words = _words(part)
            if words and Path(words[0]).name == program:
                yield words[1:]


def _joined(text: str) -> list[str]:
    return text.replace("\\\n", " ").splitlines()


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line, comments=True)
    except ValueError:
        return []
