"""Numbers and times as each language writes them."""

from datetime import datetime, tzinfo

SPACED = {"ru", "kk", "cs"}
HOUR, MINUTE = 3600, 60
_FEW, _TEEN = range(2, 5), range(11, 15)
_ARABIC_FEW = range(3, 11)


def number(value: float, language: str) -> str:
    """12 345 or 12,345; a fraction keeps one digit."""
    text = f"{value:,.0f}" if float(value).is_integer() or value >= 10 else f"{value:,.1f}"  # noqa: PLR2004  # from ten on nobody reads tenths
    if language in SPACED:
        whole, _, rest = text.replace(",", "\u00a0").partition(".")
        text = f"{whole},{rest}" if rest else whole
    return text


def plural(value: float, language: str, forms: tuple[str, ...]) -> str:
    """The form of a noun that goes with a number.

    ru: one, few, many. cs: one, few, many. en: one, many. ar: one, two, few, many. kk has one form.
    """
    n = int(value)
    if language == "ru":
        return forms[_russian(n)]
    if language == "cs":
        return forms[0 if n == 1 else 1 if n in _FEW else 2]
    if language == "ar":
        few = n % 100 in _ARABIC_FEW
        return forms[0 if n == 1 else 1 if n == 2 else 2 if few else 3]  # noqa: PLR2004  # the dual
    return forms[0 if n == 1 or len(forms) == 1 else 1]


def _russian(n: int) -> int:
    if n % 10 == 1 and n % 100 not in _TEEN:
        return 0
    return 1 if n % 10 in _FEW and n % 100 not in _TEEN else 2


def time_of_day(at: datetime, zone: tzinfo) -> str:
    """14:05."""
    return f"{at.astimezone(zone):%H:%M}"


def day_and_time(at: datetime, zone: tzinfo) -> str:
    """2026-11-22 14:05: the order of a date that nobody misreads."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}"


def hours_and_minutes(seconds: float) -> tuple[int, int]:
    """How long, in whole hours and minutes."""
    minutes = round(seconds / MINUTE)
    return minutes // 60, minutes % 60
