"""Where a text names its brand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.mentioned import marked


@pytest.mark.parametrize(
    ("text", "brand", "expected"),
    [
        ("Астра Банк опять лёг", "Астра Банк", "{ Астра Банк } опять лёг"),
        (
            "у астра-банка очередь, в АСТРА БАНКЕ тоже",
            "Астра Банк",
            "у { астра-банка } очередь, в { АСТРА БАНКЕ } тоже",
        ),
        ("Алтынбанктің қосымшасы ашылмайды", "Алтынбанк", "{ Алтынбанктің } қосымшасы ашылмайды"),
        ("cekam na odpoved od Telory", "Telora", "cekam na odpoved od { Telory }"),
        ("o2x is not o2", "O2", "o2x is not { o2 }"),
        ("شكرا لأورورا وبأورورا", "أورورا", "شكرا { لأورورا } { وبأورورا }"),
        ("خدمة الأفق سيئة", "أفق", "خدمة { الأفق } سيئة"),
    ],
)
def test_a_mention_is_marked_in_whatever_form_it_stands(text: str, brand: str, expected: str) -> None:
    assert marked(text, brand) == expected


@pytest.mark.parametrize(
    ("text", "brand"),
    [
        ("late again", ""),
        ("late again", "..."),
        ("Aurelia is late", "Aurora"),
        ("банкротство", "Банк Астра"),
        ("", "A"),
        ("телефон молчит", "Теле2"),
        ("Kasperskyho antivir", "Kaspi"),
        ("бұл дүкенге барма", "Дүкен24"),
    ],
)
def test_a_text_that_does_not_name_the_brand_stays_as_it_is(text: str, brand: str) -> None:
    assert marked(text, brand) == text


@given(st.text(max_size=200), st.text(max_size=30))
def test_marking_adds_marks_and_changes_nothing_else(text: str, brand: str) -> None:
    assert marked(text, brand).replace("{ ", "").replace(" }", "") == text.replace("{ ", "").replace(" }", "")
