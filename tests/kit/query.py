"""What query tests and benchmarks share: posts out of thin air, and made-up brands in four scripts."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from domain.brand import Brand
from domain.post import Author, Post
from domain.query import analyse, compile_query

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)

_LATIN = ("ba", "be", "dro", "fli", "gra", "ka", "lo", "mi", "ne", "nor", "po", "ra", "sko", "ste", "ta", "vel", "zu")
_CYRILLIC = (
    "ба",
    "ве",
    "гро",
    "дал",
    "же",
    "ка",
    "ли",
    "мо",
    "не",
    "пра",
    "ро",
    "си",
    "та",
    "фло",
    "хан",
    "це",
    "ша",
)
_ARABIC = ("با", "تر", "جي", "دو", "را", "سي", "شم", "فو", "كا", "لي", "مو", "نا", "هو", "ير")
_CZECH = ("bě", "čap", "dru", "há", "jí", "kou", "lí", "mě", "ně", "pří", "ře", "ší", "tě", "žá", "vla", "zdo")
_LATIN_ENDS = ("", "x", "n", "na", "ra", "tek", "via", "dis")
_CYRILLIC_ENDS = ("", "н", "фф", "ва", "ка", "ль", "тек", "ский")

_SENTENCES = (
    "{} cancelled my booking again and nobody answers the phone, what am I supposed to do with two small kids",
    "third week without a refund from {}, I have sent them every paper they asked for and still not one word back",
    "honestly {} has been great this year, zero complaints, the crew was kind and the bags came out first",
    "quick question, does {} ship to the islands as well? the page says yes, the cart says no, support says nothing",
    "{} опять не отвечает в чате поддержки, сижу второй час, а рейс между прочим уже завтра утром, что делать",
    "с карты {} списали деньги дважды и не возвращают уже неделю, обращение закрыли без ответа, буду писать жалобу",
    "спасибо {}, курьер приехал раньше срока, всё целое, упаковано аккуратно, буду заказывать у вас ещё и советовать",
    "приложение {} снова висит на экране загрузки, переустановил два раза, не помогает, телефон новый",
    "{} қосымшасы тағы да ашылмай тұр, таңертеңнен бері күтіп отырмыз, қолдау қызметі жауап бермейді, не болды екен",
    "{} қызметкерлеріне үлкен рахмет, бәрін тез шешіп берді, құжаттарды да өздері толтырды, бәріне кеңес беремін",
    "{} zase nejede aplikace, už podruhé tento týden, na infolince mě nechali čekat hodinu a pak to prostě položili",
    "od {} mi přišla faktura na dvojnásobek, nikdo neví proč, reklamaci zamítli bez vysvětlení, příště raději jinam",
    "تطبيق {} متوقف منذ الصباح ولا أحد يرد على اتصالاتنا، خصموا المبلغ مرتين من الحساب وما في أي توضيح حتى الآن",
    "شكرا {} على سرعة التوصيل والتعامل الراقي، وصل الطلب قبل الموعد وكل شيء سليم، أنصح الجميع بالتجربة معهم",
)
_FILLERS = (
    "мама",
    "the neighbours",
    "tata",
    "сосед",
    "бұл дүкен",
    "الجيران",
    "our school",
    "město",
    "наш двор",
    "they",
)


def post(text: str, *, title: str = "", network: str = "vk", author: Author | None = None, **fields: Any) -> Post:
    """Make a post that says `text`."""
    return Post(
        network=network, native_id="1", text=text, title=title, author=author or Author(), created_at=AT,
        collected_at=AT, source="test", **fields,
    )  # fmt: skip


def matched(query: str, text: str, **fields: Any) -> tuple[str, ...] | None:
    """Match one query against one text."""
    return compile_query(query).match(analyse(post(text, **fields)))


def brands(count: int, *, seed: int = 5) -> list[Brand]:
    """Make that many brands with names of two words and queries of the kinds that people write."""
    chance = random.Random(seed)
    made: dict[str, Brand] = {}
    while len(made) < count:
        latin = _name(chance, _LATIN, _LATIN_ENDS)
        cyrillic = _name(chance, _CYRILLIC, _CYRILLIC_ENDS)
        handle = f"{latin}{chance.choice(('air', 'bank', 'shop', 'help', 'kz', 'cz'))}"
        query = chance.choice(
            (
                f"{latin} OR {cyrillic} OR @{handle}",
                f'"{latin} air" OR @{handle} OR "{cyrillic} эйр"',
                f"({latin} OR {cyrillic}) AND NOT vacancy",
                f"{latin}* OR {cyrillic}",
                f"{_name(chance, _CZECH, _LATIN_ENDS)} OR {_name(chance, _ARABIC, ('', 'ة'))} OR {latin}",
                f'+{latin} (refund* OR delay OR "call centre"~3)',
            )
        )  # fmt: skip
        name = latin.capitalize()
        made.setdefault(name, Brand(name=name, query=query, accounts=(f"x:{handle}",)))
    return list(made.values())


def named(brand: Brand) -> str:
    """Give a word that the brand's query finds (with a refund beside it where it asks for one)."""
    return f"{brand.name} air refund"


def corpus(count: int, *, known: list[Brand], matching: float, seed: int = 11) -> Iterator[Post]:
    """Yield seeded posts of about 110 characters, a share `matching` of them naming one of `known`."""
    chance = random.Random(seed)
    for number in range(count):
        subject = named(chance.choice(known)) if chance.random() < matching else chance.choice(_FILLERS)
        text = chance.choice(_SENTENCES).format(subject)
        if chance.random() < 0.3:
            text += chance.choice((" 😡", " 🙏 #итоги", " https://example.org/p/" + str(number), " @friend_of_mine"))
        yield post(text, author=Author(handle=f"user{number}"))


def _name(chance: random.Random, syllables: tuple[str, ...], ends: tuple[str, ...]) -> str:
    return "".join(chance.choice(syllables) for _ in range(chance.choice((3, 3, 4)))) + chance.choice(ends)
