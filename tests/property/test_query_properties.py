"""The prefilter and the index lose nothing; spelling that never matters never matters."""

import sqlite3
import unicodedata

from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.brand import Brand
from domain.errors import QueryError
from domain.post import Post
from domain.query import BrandMatcher, analyse, compile_query, terms
from domain.query.document import WORD
from domain.query.fold import compose, fold, offsets
from tests.kit.queries import LETTERS, POSTS, VALID, WORDS
from tests.kit.query import matched, post


@settings(max_examples=400, deadline=None)
@given(st.lists(VALID, min_size=1, max_size=6), st.lists(POSTS, min_size=1, max_size=4))
@example(["aurora"], [post("™Aurora")])
@example(["شركة"], [post("وللشركة")])
def test_the_prefilter_never_loses_a_match(queries: list[str], heard: list[Post]) -> None:
    brands = [Brand(name=str(number), query=query) for number, query in enumerate(queries)]
    matcher = BrandMatcher(brands)
    for one in heard:
        alone = [(brand, compile_query(brand.query).match(analyse(one))) for brand in brands]
        assert matcher.match(one) == [(brand, found) for brand, found in alone if found is not None]


@settings(max_examples=200, deadline=None)
@given(VALID, st.lists(POSTS, min_size=1, max_size=5))
def test_the_full_text_index_finds_everything_that_the_query_finds(query: str, heard: list[Post]) -> None:
    compiled = compile_query(query)
    expression = compiled.index_query()
    if expression is None:
        return
    database = sqlite3.connect(":memory:")
    database.execute('CREATE VIRTUAL TABLE words USING fts5 (terms, tokenize = "ascii")')
    database.executemany(
        "INSERT INTO words (rowid, terms) VALUES (?, ?)",
        [(number, " ".join(terms(f"{one.title}\n{one.text}"))) for number, one in enumerate(heard)],
    )
    narrowed = {row for (row,) in database.execute("SELECT rowid FROM words WHERE words MATCH ?", (expression,))}
    database.close()
    hits = {number for number, one in enumerate(heard) if compiled.match(analyse(one)) is not None}
    assert hits <= narrowed


def _without_marks(word: str) -> str:
    letters = [letter if letter in "йЙ" else unicodedata.normalize("NFD", letter) for letter in word]
    return "".join(part for letter in letters for part in letter if not unicodedata.combining(part))


def _typed_otherwise(word: str) -> list[str]:
    russian = str.maketrans("әғқңөұүһіӘҒҚҢӨҰҮҺІёЁ", "агкноуухиАГКНОУУХИеЕ")
    arabic = str.maketrans("أإآةى", "اااهي")
    return [
        word.upper(), word.lower(), word.title(), _without_marks(word), word.translate(russian),
        word.translate(arabic), unicodedata.normalize("NFD", word), "\u200b".join(word), word.replace("ш", "ш\u0301"),
    ]  # fmt: skip


PLAIN = st.one_of(
    st.sampled_from([word for word in WORDS if word.isalpha() and terms(word)]),
    st.text("абвгдежзийклмнопрстуфхцчшщъыьэюяёәғқңөұүһі", min_size=2, max_size=9),
    st.text("aábcčdďeéěfghiíjklmnňoópqrřsštťuúůvwxyýzž", min_size=2, max_size=9),
    st.text("ابتثجحخدذرزسشصضطظعغفقكلمنهويأإآةىئؤ", min_size=2, max_size=7),
).filter(lambda word: terms(word) not in (["or"], ["and"], ["not"], ["to"]))


@settings(max_examples=300, deadline=None)
@given(PLAIN)
def test_spelling_that_never_matters_never_matters(word: str) -> None:
    for other in _typed_otherwise(word):
        assert matched(word, f"xx {other} yy"), (word, other)
        assert matched(other, f"xx {word} yy"), (other, word)


@settings(max_examples=300, deadline=None)
@given(st.text(LETTERS, max_size=60), st.text(LETTERS, max_size=60))
def test_folding_goes_letter_by_letter(left: str, right: str) -> None:
    text = compose(f"{left} {right}")
    folded = fold(text)
    places = offsets(text)
    assert len(places) == len(folded) + 1
    assert list(places) == sorted(places)
    assert fold(compose(folded)) == folded
    assert terms(text) == [*terms(left), *terms(right)]
    for found in WORD.finditer(folded):
        spelled = text[places[found.start()] : places[found.end()]]
        assert terms(spelled)[:1] == [found.group()] or found.group() == "s"


@settings(max_examples=500, deadline=None)
@given(st.text(st.sampled_from("aé я\"“”«()[]{}:~^*?!+-&|\\/<>=@#.,'1ANDORTO "), max_size=25))
def test_whatever_is_typed_compiles_or_is_refused_in_place(query: str) -> None:
    try:
        compiled = compile_query(query)
    except QueryError as error:
        refused = error
    else:
        compiled.match(analyse(post("aé я 1 and or")))
        compiled.index_query()
        return
    assert 0 <= refused.position <= len(query)
    assert refused.remedy
