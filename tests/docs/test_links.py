"""Every link of the documentation leads somewhere, and every page can be found."""

from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.kit.docs import ROOT, anchors, links, pages


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    dead = []
    for link in links(page):
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            dead.append(link)
    assert not dead


@pytest.mark.parametrize("folder", ["how-to", "explanation", "reference"])
def test_the_index_leads_to_every_page(folder: str) -> None:
    index = ROOT / "docs" / "README.md"
    linked = {(index.parent / link.partition("#")[0]).resolve() for link in links(index)}
    missing = [page.name for page in sorted((ROOT / "docs" / folder).glob("*.md")) if page.resolve() not in linked]
    assert not missing


def test_the_index_of_decisions_is_whole() -> None:
    folder = ROOT / "docs" / "decisions"
    linked = set(links(folder / "README.md"))
    assert {page.name for page in folder.glob("0*.md")} <= linked
