"""What people read, in each language; and that nothing from outside can break, forge or call anything in it."""

import re
from datetime import timedelta

import pytest
from msgspec.structs import replace

from alerting.message import compose
from alerting.message.dialects import mail, mrkdwn
from alerting.message.foreign import clean, cut, header, link, shown
from alerting.message.grammar import number, plural
from domain.alert import Evidence, Reason
from domain.incident import Notification
from tests.kit.alerts import MIDNIGHT, alert, at, incident, notification, spike_alert, witness

LANGUAGES = ("ru", "kk", "cs", "ar", "en")
ISOLATES = re.compile("[\u2068\u2069\u200f\u2060]")


def crisis() -> Notification:
    evidence = Evidence(
        first=witness("first", at(3), text="Мои данные в сети", network="vk", followers=1200),
        top=(witness("first", at(3)), *(witness(f"top-{n}", at(3, minutes=n)) for n in range(1, 6))),
        networks={"vk": 30, "telegram": 17},
        themes={"fraud_security": 40, "support": 7},
        sentiments={"negative": 44, "neutral": 3},
    )
    about = incident(spike_alert("s", at(3)), alert("c", at(3, minutes=1)))
    return notification(about=replace(about, evidence=evidence, mentions=47))


def words(sent: Notification, language: str, timezone: str = "UTC") -> str:
    return ISOLATES.sub("", compose(sent, language=language, timezone=timezone).plain).replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        (
            "en",
            [
                "🔴 CRITICAL · Aurora Air · new incident",
                "47 negative mentions in 1 h, usually 3.2.",
                "from 11 on it rings; learned from 14 days",
                "A post judged critical: fraud and security (90 % sure).",
                "First post: 03:00 · vk · author-first (1,200 followers)",
                "Sources: vk 30, telegram 17",
                "Sentiment: negative 44, neutral 3",
            ],
        ),
        (
            "ru",
            [
                "🔴 КРИТИЧНО · Aurora Air · новый инцидент",
                "47 негативных упоминаний за 1 ч, обычно 3,2.",
                "порог 11, обычное изучено за 14 дней",
                "Первая публикация: 03:00 · vk · author-first (1 200 подписчиков)",
                "Темы: мошенничество и утечки 40, поддержка 7",
                "Тональность: негатив 44, нейтрально 3",
            ],
        ),
        (
            "kk",
            [
                "🔴 ТӨТЕНШЕ · Aurora Air · жаңа оқиға",
                "1 сағат ішінде 47 теріс пікір жазылды, әдетте — 3,2.",
                "spike ережесі: шегі — 11",
                "Алғашқы жазба: 03:00 · vk · author-first (1 200 жазылушы)",
                "Тақырыптар: алаяқтық пен дерек таралуы 40, қолдау қызметі 7",
                "Пікір реңкі: теріс 44, бейтарап 3",
            ],
        ),
        (
            "cs",
            [
                "🔴 KRITICKÉ · Aurora Air · nový incident",
                "47 negativních zmínek za 1 h, obvykle 3,2.",
                "hranice 11, obvyklý stav za 14 dní",
                "První příspěvek: 03:00 · vk · author-first (1 200 sledujících)",
                "Témata: podvody a úniky dat 40, zákaznická podpora 7",
            ],
        ),
        (
            "ar",
            [
                "🔴 حرج · Aurora Air · حادثة جديدة",
                "47 إشارة سلبية خلال ساعة واحدة، والمعتاد 3.2.",
                "الحد 11، والمعتاد محسوب من 14 يومًا",
                "أول منشور: 03:00 · vk",
                "المشاعر: سلبي 44, محايد 3",
            ],
        ),
    ],
)
def test_the_message_says_what_happened_with_numbers_in_the_readers_language(
    language: str, expected: list[str]
) -> None:
    text = words(crisis(), language)
    for phrase in expected:
        assert phrase in text
    assert text.splitlines()[0] == expected[0]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", ["opened", "escalated", "update", "resolved"])
def test_every_kind_has_words_of_its_own_in_every_language(language: str, kind: str) -> None:
    sent = replace(crisis(), kind=kind)
    text = words(sent, language)
    assert text != words(replace(sent, kind="opened" if kind != "opened" else "update"), language)
    assert ("🟢" in text) == (kind == "resolved")
    assert "{" not in text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "reason",
    [
        Reason(code="spike", observed=1, expected=0.2, threshold=5, window_seconds=900, numbers={"of": "all"}),
        Reason(code="spike_grows", observed=2, expected=4, threshold=5, window_seconds=21_600, numbers={"of": "all"}),
        Reason(code="critical", observed=0.5, threshold=0.5, numbers={"theme": "safety"}),
        Reason(code="influencer", observed=2_000_000, threshold=50_000, numbers={"author": "A & <b>"}),
        Reason(code="keyword", observed=1, numbers={"words": "recall, *lawsuit*"}),
        Reason(code="a_code_of_tomorrow", observed=3),
    ],
    ids=lambda reason: reason.code,
)
def test_every_rule_has_its_sentence_in_every_language(language: str, reason: Reason) -> None:
    rule = "spike" if reason.code.startswith("spike") else reason.code
    about = incident(alert("a", at(3), rule=rule, reason=reason))
    text = words(notification(about=about), language)
    assert rule in text


def test_kazakh_is_not_russian() -> None:
    kazakh, russian = words(crisis(), "kk"), words(crisis(), "ru")
    shared = set(re.findall(r"[а-яёәғқңөұүһі]{5,}", kazakh.lower())) & set(re.findall(r"[а-яё]{5,}", russian.lower()))
    assert shared == {"данные"}  # the quoted post is Russian in both


def test_times_are_the_readers() -> None:
    assert "2026-11-02 08:00 Asia/Almaty" in words(crisis(), "kk", "Asia/Almaty")
    assert "2026-11-02 03:00 UTC" in words(crisis(), "kk", "utc")


def test_arabic_lines_read_from_the_right_and_names_inside_keep_their_own_direction() -> None:
    message = compose(crisis(), language="ar", timezone="UTC")
    assert all(re.match("(<blockquote>)?\u200f", line) for line in message.form.splitlines() if line)
    assert "\u2068Aurora Air\u2069" in message.form
    assert 'dir="rtl"' in mail(message.form, language="ar", rtl=message.rtl)


HOSTILE = (
    "<!channel> <@U1> @everyone </blockquote><script>x</script> \u202eevil\u202c *b* \x00\x07\n\nBcc: a@b & more"
)


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_from_outside_stay_words(language: str) -> None:
    seen = witness("x", text=HOSTILE, author=HOSTILE, url="javascript:alert(1)", network=HOSTILE)
    evil = Evidence(first=seen, top=(seen,), networks={HOSTILE: 2}, themes={HOSTILE: 2}, sentiments={"negative": 2})
    about = replace(incident(brand=HOSTILE), evidence=evil, mentions=2)
    sent = replace(notification(about=about), why=HOSTILE)
    message = compose(sent, language=language, timezone="UTC")
    assert set(re.findall(r"</?([a-z]+)", message.form)) <= {"b", "i", "a", "blockquote"}
    assert "javascript:" not in message.form
    slack = mrkdwn(message.form)
    assert not re.search(r"<[!@#]", slack)
    assert "\u202e" not in slack
    assert "\x00" not in slack
    assert not re.search(r"@(everyone|here|channel)", slack)
    assert "\n" not in message.subject


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_message_fits_its_room_whatever_was_written(language: str) -> None:
    long = tuple(witness(str(n), text="слово " * 90, author="a" * 500) for n in range(6))
    sent = crisis()
    about = replace(sent.incident, evidence=replace(sent.incident.evidence, first=long[0], top=long))
    for room in (4000, 2000, 1200):
        message = compose(replace(sent, incident=about), language=language, timezone="UTC", room=room)
        assert len(message.plain) <= max(room, 1200)
        assert message.form.count("<blockquote>") == message.form.count("</blockquote>")


def test_a_quote_is_cut_at_a_word_and_never_inside_a_letter() -> None:
    assert cut("one two three four five six seven", 20) == "one two three four…"
    assert cut("e\u0301" * 10, 4) == "e\u0301…"
    assert cut("short", 20) == "short"
    assert "\u200d" not in cut("👩\u200d👩\u200d👧 family of three", 4)


def test_only_addresses_of_the_web_become_links() -> None:
    assert link("https://a.example/x?y=1&z=2") == "https://a.example/x?y=1&z=2"
    for bad in (
        "javascript:x",
        "data:text/html,x",
        "//a.example",
        "https://",
        "https://a b",
        'https://a"b',
        "http://[",
        "",
    ):
        assert not link(bad)


def test_a_header_cannot_start_another_header() -> None:
    assert header("Aurora\r\nBcc: all@example.org") == "Aurora Bcc: all@example.org"
    assert "\n" not in clean("a\u2028b\x85c\nd")
    assert shown("", 10) == ""


def test_numbers_are_written_as_the_language_writes_them() -> None:
    assert number(12345, "en") == "12,345"
    assert number(12345, "ru") == "12\u00a0345"
    assert number(3.25, "cs") == "3,2"
    assert number(47.6, "en") == "48"
    assert [plural(n, "ru", ("день", "дня", "дней")) for n in (1, 2, 5, 11, 21, 112)] == [
        "день", "дня", "дней", "дней", "день", "дней",
    ]  # fmt: skip
    assert [plural(n, "cs", ("zmínka", "zmínky", "zmínek")) for n in (1, 4, 5, 21)] == [
        "zmínka", "zmínky", "zmínek", "zmínek",
    ]  # fmt: skip
    assert [plural(n, "ar", ("one", "two", "few", "many")) for n in (1, 2, 3, 10, 11, 103)] == [
        "one", "two", "few", "few", "many", "few",
    ]  # fmt: skip


def test_an_all_clear_says_how_long_it_was() -> None:
    sent = replace(crisis(), kind="resolved")
    about = replace(sent.incident, status="resolved", resolved_at=MIDNIGHT + timedelta(hours=5, minutes=20))
    assert "47 mentions in 2 h 20 min" in words(replace(sent, incident=about), "en")
    assert "خلال ساعتين و20 دقيقة" in words(replace(sent, incident=about), "ar")
