"""What a full-text index is made of, and how to tell that it was made with other word forms."""

from collections.abc import Callable

from domain.ids import stable_id
from domain.mention import Mention
from storage.encoding import clean

Terms = Callable[[str], list[str]]

_PROBE = (
    "Aurora's late flights, cancelled & refunded! @aurora_air #delays e-mail naïve 2nd don't"
    " https://example.org/a?b=1 "
    "Рейсы задержаны, ещё ёлки; Авророй, полетели по-русски в банке Шкоды "
    "Әуежайдағы ұшақтар кешікті, банктен қарыз алды, Шұғылаға өтініш, "
    "Zpožděné lety, Škodě nevrátili peníze, příliš žluťoučký kůň "
    "والطائرات المتأخرة بالمطار إلى الشركة، أُلغِيَت رحلتنا ٢٠٢٥ "
    "🙂 C++ 3.14 AC/DC U2 iPhone15"
)
"""Touches what word forms are made of: cases, endings, clitics, diacritics, marks, numbers, signs."""


def wording(mention: Mention) -> str:
    """Return what the index is made of."""
    return clean(f"{mention.post.title}\n{mention.post.text}")


def stamp(terms: Terms) -> str:
    """Return what differs when the word forms do."""
    return stable_id(*terms(_PROBE))
