"""Arabic clitics: conjunctions, prepositions and the article before a noun; pronouns, plurals and duals after it.

Snowball's Arabic stemmer is not used: it takes بنك with ل for لبن (milk) and leaves والبنك whole. Broken plurals are
words of their own: write both (بنك OR بنوك).
"""

from domain.query.forms.pattern import BARE, Pattern

_HEADS = frozenset(
    conjunction + preposition
    for conjunction in ("", "و", "ف")
    for preposition in ("", "ال", "ب", "بال", "ك", "كال", "ل", "لل")
)
_PRONOUNS = ("ي", "ك", "ه", "ها", "نا", "كم", "هم", "كن", "هن", "كما", "هما")
_PLURALS = ("ات", "ون", "ين", "ان", "ا")
_TAILS = frozenset({"", *_PRONOUNS, *_PLURALS, *("ات" + pronoun for pronoun in _PRONOUNS)})
# After a short stem these make other words: زين (a firm) and زينة (an ornament).
_SHORT_TAILS = frozenset({"", "ي", "ك", "نا", "ها", "كم", "هم"})
_FEMININE = frozenset(
    {"ه", "تين", "تان", "ات", *("ت" + pronoun for pronoun in _PRONOUNS), *("ات" + pronoun for pronoun in _PRONOUNS)}
)
_ARTICLE = "ال"
_SHORTEST_BARE = 3
_SHORT = 3


def arabic(word: str) -> list[Pattern]:
    """Forms of a folded Arabic word, with or without its article."""
    if not word.isalpha():
        return []
    bare = word[2:] if word.startswith(_ARTICLE) and len(word) - 2 >= _SHORTEST_BARE else word
    if len(bare) < _SHORTEST_BARE:
        return [Pattern(bare, BARE, _HEADS)] if len(bare) > 1 else []
    if bare.endswith("ه") and len(bare) > _SHORT:
        return [Pattern(bare[:-1], _FEMININE, _HEADS)]
    return [Pattern(bare, _SHORT_TAILS if len(bare) <= _SHORT else _TAILS, _HEADS)]
