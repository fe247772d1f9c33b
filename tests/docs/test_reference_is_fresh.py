"""docs/reference says what the code says."""

import pytest
from click.testing import CliRunner

from tests.kit.docs import ROOT
from tocsin.reference.__main__ import reference
from tocsin.reference.pages import PAGES


@pytest.mark.parametrize("name", PAGES)
def test_the_reference_page_is_what_the_code_would_write(name: str) -> None:
    page = ROOT / "docs" / "reference" / name
    assert page.read_text(encoding="utf-8") == PAGES[name](), "stale: run `make docs`"


def test_no_page_of_the_reference_is_left_over() -> None:
    assert {page.name for page in (ROOT / "docs" / "reference").iterdir()} == set(PAGES)


def test_a_stale_page_fails_the_check_with_the_remedy(tmp_path: object) -> None:
    answer = CliRunner().invoke(reference, [str(tmp_path), "--check"])
    assert answer.exit_code == 1
    assert "make docs" in answer.output
