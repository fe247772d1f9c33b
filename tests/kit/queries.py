"""Posts and queries out of chance, in all the scripts and with all that people type, for Hypothesis."""

from hypothesis import strategies as st

from domain.errors import QueryError
from domain.post import Author
from domain.query import compile_query
from tests.kit.query import post

WORDS = (
    "Aurora", "Аврора", "авроры", "Škoda", "škodě", "Praha", "Praze", "Каспи", "Каспидің", "банктердің", "банк",
    "Kaspiдің", "شركة", "والشركة", "شركتي", "بنك", "لبنك", "delay", "delayed", "Wendy's", "stopped", "stop", "O2",
    "T-Mobile", "@aurora_air", "@aurora.fan", "#Аврора", "$AUR", "пятёрочек", "Пятёрочка", "au\u200brora", "ﬁne",
    "№5",
    "Метро", "метров", "задержали", "работает", "x", "_", "'", "late", "flight", "東京", "e\u0301\u0301lan", "İzmir",
    "ﷺ", "Ⓐurora", "ʼaurora", "aurora™", "Ma\u0308rz", "㏑", "ـ", "ڤودافون", "auorra", "Aurorra",
)  # fmt: skip
SEPARATORS = (" ", ", ", "\n", "-", "_", "", "\u200b", ".", "'", "’s ", "@", " @", "🙂", "\u0640", "\u0301", "\x00")
LETTERS = st.characters(codec="utf-8")
TEXTS = st.one_of(
    st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(SEPARATORS)), max_size=10).map(
        lambda pairs: "".join(word + separator for word, separator in pairs)
    ),
    st.text(LETTERS, max_size=30),
)
POSTS = st.builds(
    lambda text, title, network, lang, handle, followers: post(
        text, title=title, network=network, lang=lang, author=Author(handle=handle, name=handle, followers=followers)
    ),
    TEXTS,
    st.one_of(st.just(""), TEXTS),
    st.sampled_from(("vk", "x")),
    st.sampled_from(("", "ru", "pt-BR")),
    st.sampled_from(("", "jan_novak", "Aurora Air", "аврора")),
    st.sampled_from((None, 5, 500)),
)


def _escaped(word: str) -> str:
    return "".join("\\" + letter if letter in "+-&|!(){}[]^\"~*?:\\/'" else letter for letter in word)


LEAVES = st.one_of(
    st.sampled_from(WORDS).map(_escaped),
    st.text(LETTERS, min_size=1, max_size=8).map(lambda text: _escaped("".join(text.split()) or "x")),
    st.tuples(st.sampled_from(WORDS), st.sampled_from(WORDS)).map(
        lambda pair: '"{}"'.format(" ".join(pair).replace('"', ""))
    ),
    st.tuples(st.sampled_from(WORDS), st.sampled_from(WORDS), st.integers(0, 4)).map(
        lambda three: f'"{three[0]} {three[1]}"~{three[2]}'
    ),
    st.sampled_from(
        (
            "auror*", "au?ora", "au*a", "авр*", "شرك*", "aurora~1", "аврора~", "network:vk", "lang:pt", "lang:ru",
            "author:novak", "author:aurora", "author:jan_novak", "author:j*", "followers:>100", "title:aurora",
            "title:(аврора OR škoda)", "text:delay", 'text:"late flight"', "kind:post", "url:x",
        )
    ),
)  # fmt: skip
QUERIES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from((" AND ", " OR ", " ", " AND NOT ", " -", " && ", " || ")), inner).map(
            lambda three: f"({three[0]}){three[1]}({three[2]})"
        ),
        inner.map(lambda one: f"+({one}) delay"),
        inner.map(lambda one: f"NOT (NOT ({one}))"),
    ),
    max_leaves=5,
)


def _compiles(query: str) -> bool:
    try:
        compile_query(query)
    except QueryError:
        return False
    return True


VALID = QUERIES.filter(_compiles)
