"""Made-up posts in five languages for benchmarks and stress: seeded, varied, about made-up brands."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

_SENTENCES = {
    "en": (
        "{} cancelled my booking again and nobody answers the phone",
        "quick question, does {} ship to the islands as well?",
        "honestly {} has been great this year, zero complaints",
        "third week without a refund from {}, what is going on over there",
        "saw a {} ad on the tram, the colours are lovely",
        "my brother works at {} and says the new office is huge",
    ),
    "ru": (
        "{} опять не отвечает в чате поддержки, сижу второй час",
        "подскажите, {} работает в воскресенье?",
        "спасибо {}, курьер приехал раньше срока",
        "с карты {} списали дважды, деньги не возвращают уже неделю",
        "видел рекламу {} в метро, смешная",
        "приложение {} снова висит на экране загрузки",
    ),
    "kk": (
        "{} қосымшасы тағы да ашылмай тұр, не болды екен",
        "{} қызметкерлеріне рахмет, бәрін тез шешіп берді",
        "{} бөлімшесі сенбіде жұмыс істей ме?",
        "картадан ақша екі рет шешілді, {} жауап бермейді",
        "бүгін {} туралы жаңалық оқыдым, қызық екен",
    ),
    "cs": (
        "{} zase nejede aplikace, už podruhé tento týden",
        "díky {}, vyřízeno do hodiny a bez řečí",
        "má někdo zkušenost s {}? uvažuju o přechodu",
        "od {} mi přišla faktura na dvojnásobek, infolinka mlčí",
        "reklama {} v tramvaji je docela vtipná",
    ),
    "ar": (
        "تطبيق {} متوقف منذ الصباح ولا أحد يرد",
        "شكرا {} على سرعة التوصيل والتعامل الراقي",
        "هل {} يعمل يوم الجمعة؟",
        "خصموا المبلغ مرتين من حسابي في {} وما في رد",
        "شفت إعلان {} في التلفزيون أمس",
    ),
}
_TAILS = ("", " 😡", " 🙏", " !!!", " ...", " https://example.org/p/{n}", " #{n}", " ({n})", " — {n}")


def brand_name(number: int) -> str:
    """Give the made-up brand of that number: pronounceable, unlike any other."""
    consonants, vowels = "bdfgklmnprstvz", "aeiou"
    name, rest = "", number * 7 + 31
    for _ in range(4):
        rest, consonant = divmod(rest, len(consonants))
        rest, vowel = divmod(rest, len(vowels))
        name += consonants[consonant] + vowels[vowel]
    return f"{name.capitalize()}{number}x"


def posts(count: int, *, brands: int, matching: float = 1.0, seed: int = 7) -> Iterator[dict[str, object]]:
    """Yield `count` posts, one a second, a share `matching` of them naming one of `brands` brands."""
    chance = random.Random(seed)
    start = datetime(2026, 3, 1, tzinfo=UTC)
    for number in range(count):
        lang = chance.choice(list(_SENTENCES))
        known = chance.random() < matching
        name = brand_name(chance.randrange(brands)) if known else f"Nobody{number}"
        text = chance.choice(_SENTENCES[lang]).format(name) + chance.choice(_TAILS).replace("{n}", str(number))
        yield {
            "id": f"c{number}",
            "text": text,
            "lang": lang,
            "network": chance.choice(("vk", "telegram", "mastodon", "news")),
            "created_at": (start + timedelta(seconds=number)).isoformat(),
            "author": {"handle": f"user{chance.randrange(count)}", "followers": int(chance.paretovariate(1) * 50)},
        }
