"""Text from strangers, made safe to match, judge, store and show: no controls, no disguises, one spelling."""

import re
import unicodedata

_LINE_ENDS = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
_JUNK = re.compile(
    "["
    "\x00-\x08\x0e-\x1f\x7f-\x9f"  # controls; line ends were turned to newlines before
    "\u202a-\u202e\u2066-\u2069"  # bidi embeddings, overrides, isolates: they show a text in another order
    "\u200e\u200f\u061c"  # bidi marks: they only split words
    "\u00ad\u034f\u180e\u200b\u2060-\u2065\u206a-\u206f\ufeff"  # invisible, and splitting words
    "\u115f\u1160\u3164\uffa0"  # fillers that look like nothing
    "\ufff9-\ufffb\ufdd0-\ufdef\ufffe\uffff\U000e0000-\U000e007f"  # not for texts; tags that hide a text in a text
    "]"
)
_ANY_JOINER = re.compile("[\u200c\u200d]")
_EMOJI = "\u00a9\u00ae\u2190-\u21ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff"
_JOINING_SCRIPTS = "\u0600-\u08ff\u0900-\u0dff\u1000-\u109f\u1780-\u17ff\ufb50-\ufdff\ufe70-\ufefc"
_SPARE_JOINERS = re.compile(
    "(?<=[\u200c\u200d])[\u200c\u200d]"  # more than one
    f"|(?<![{_EMOJI}\ufe0f{_JOINING_SCRIPTS}])[\u200c\u200d]"  # after nothing that joins
    f"|[\u200c\u200d](?![{_EMOJI}{_JOINING_SCRIPTS}\u200c\u200d])"  # before nothing that joins
)
_SPACES = re.compile(r"[^\S\n]+")
_NEWLINE_SPACES = re.compile(r" ?\n ?")
_BLANK_LINES = re.compile(r"\n{3,}")
_EDGES = " \n\u200c\u200d"
_RAW_SHARE = 4
"""How many raw characters are looked at for each one kept."""


def plain_text(text: str, *, limit: int) -> str:
    """Return at most `limit` characters of readable text in NFC; lines stay, runs of spaces and blank lines do not.

    Zero-width joiners stay inside emoji and inside scripts that are written with them (Arabic, Persian, Indic).
    """
    if not text:
        return ""
    text = _utf8(text[: limit * _RAW_SHARE])
    if not (text.isascii() and text.isprintable()):
        text = _JUNK.sub("", _LINE_ENDS.sub("\n", text))
    if not text.isascii():
        text = _composed(text)
    text = _SPACES.sub(" ", text)
    if "\n" in text:
        text = _BLANK_LINES.sub("\n\n", _NEWLINE_SPACES.sub("\n", text))
    return text.strip(_EDGES)[:limit].rstrip(_EDGES)


def one_line(text: str, *, limit: int) -> str:
    """Return the same without line ends, for names and titles."""
    return " ".join(plain_text(text, limit=limit).split())


def _utf8(text: str) -> str:
    """Join surrogate pairs that came apart, drop those that stand alone."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")
    return text


def _composed(text: str) -> str:
    """Compose, and remove joiners that join nothing: again and again, because each may bring new neighbours."""
    text = unicodedata.normalize("NFC", text)
    while _ANY_JOINER.search(text):
        spared = unicodedata.normalize("NFC", _SPARE_JOINERS.sub("", text))
        if spared == text:
            break
        text = spared
    return text
