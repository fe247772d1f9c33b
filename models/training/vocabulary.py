"""Which pieces of the encoder's vocabulary the product keeps, and the tokenizer they make.

The encoder speaks a hundred languages; five are judged. A piece stays when all its letters can occur in a
post of one of the five, whatever it is about; of the long and rare Latin ones, which are mostly of other
tongues, those stay that the language detector finds possible in English or Czech. The rule needs no corpus, so
the result is always the same: about 108,000 of 250,002 pieces, with which 85 % of Czech, 91 % of English and
over 98 % of Russian, Kazakh and Arabic posts split exactly as before, and no language's posts grow by over 1.5 %.
"""

import json
import unicodedata
from collections.abc import Callable
from typing import Any

from models.training.e5_file import Encoder

META = "▁"
"""How SentencePiece writes a space."""

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
"""The first four pieces, in the encoder's order: they keep their ids 0..3."""

_LATIN = frozenset(
    "abcdefghijklmnopqrstuvwxyz"
    "áčďéěíňóřšťúůýž"  # Czech
    "äöüßàèçñôľĺŕ"  # names of neighbours: German, French, Slovak
    "ğıñńşūŭəǵ"  # Kazakh in the Latin alphabets in use
)
_CYRILLIC = frozenset("абвгдеёжзийклмнопрстуфхцчшщъыьэюяәғқңөұүһіїєґў")  # Russian, Kazakh, Ukrainian, Belarusian
_ARABIC = frozenset(
    "ءآأؤإئابةتثجحخدذرزسشصضطظعغفقكلمنهوىيپچڤگـ"
)  # of the Arabic tongues, with the letters of loan words
_OTHER_DIGITS_AND_SIGNS = ("CJK", "IDEOGRAPHIC", "KATAKANA", "HIRAGANA", "HANGUL", "DEVANAGARI", "THAI", "TIBETAN")


_COMMON = 60_000
"""Pieces are in order of frequency: a Latin one up to this place stays whatever its language."""
_SHORT = 3
_POSSIBLE = 0.1


def kept(encoder: Encoder, probabilities: Callable[[str], dict[str, float]]) -> list[int]:
    """Ids of the pieces that stay, in the encoder's order; the four special ones come first, `<mask>` goes.

    `probabilities` gives the probability of each language for a piece of text.
    """
    letters: dict[str, bool] = {}
    ids = list(range(len(SPECIAL)))
    for number, piece in enumerate(encoder.pieces[:-1]):
        if number < len(SPECIAL) or not all(letters.setdefault(c, _belongs(c)) for c in piece):
            continue
        if number < _COMMON or _likely(piece.replace(META, "").lower(), probabilities):
            ids.append(number)
    return ids


def _likely(word: str, probabilities: Callable[[str], dict[str, float]]) -> bool:
    if len(word) <= _SHORT or not any(c in _LATIN for c in word):
        return True
    found = probabilities(word)
    return found.get("en", 0.0) + found.get("cs", 0.0) + found.get("sk", 0.0) > _POSSIBLE


def _belongs(character: str) -> bool:
    if character == META:
        return True
    name = unicodedata.name(character, "")
    category = unicodedata.category(character)
    if category[0] == "L":
        low = character.lower()
        return low in _LATIN or low in _CYRILLIC or character in _ARABIC
    if category[0] == "N":
        return character.isascii() or name.startswith(("ARABIC-INDIC", "SUPERSCRIPT", "VULGAR"))
    return bool(name) and not name.startswith(_OTHER_DIGITS_AND_SIGNS)


def tokenizer_json(encoder: Encoder, ids: list[int]) -> str:
    """The file `tokenizers` and `transformers` read: Unigram over the pieces `ids`, with the encoder's normalisation.

    SentencePiece's nmt_nfkc is written as Nmt, NFKC and the collapse of spaces; a zero-width joiner is a space there.
    """
    special = [
        {
            "id": number, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
            "normalized": False, "special": True,
        }
        for number, content in enumerate(SPECIAL)
    ]  # fmt: skip
    begin, end = ({"SpecialToken": {"id": token, "type_id": 0}} for token in ("<s>", "</s>"))
    text: dict[str, Any] = {"Sequence": {"id": "A", "type_id": 0}}
    second: dict[str, Any] = {"Sequence": {"id": "B", "type_id": 0}}
    metaspace = {"type": "Metaspace", "replacement": META, "prepend_scheme": "always", "split": True}
    description = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": special,
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "Replace", "pattern": {"String": "\u200d"}, "content": " "},
                {"type": "Nmt"},
                {"type": "NFKC"},
                {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "},
            ],
        },
        "pre_tokenizer": metaspace,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [begin, text, end],
            "pair": [begin, text, end, end, second, end],
            "special_tokens": {
                token: {"id": token, "ids": [SPECIAL.index(token)], "tokens": [token]} for token in ("<s>", "</s>")
            },
        },
        "decoder": metaspace,
        "model": {
            "type": "Unigram",
            "unk_id": SPECIAL.index("<unk>"),
            "byte_fallback": False,
            "vocab": [[encoder.pieces[i], round(float(encoder.scores[i]), 6)] for i in ids],
        },
    }
    return json.dumps(description, ensure_ascii=False, separators=(",", ":"))
