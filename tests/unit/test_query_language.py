"""What the query language means: operators, phrases, wildcards, names, fields."""

import pytest

from domain.post import Author
from domain.query import analyse, compile_query, terms
from tests.kit.query import matched, post


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("aurora borealis", "only borealis here"),
        ("aurora OR borealis", "borealis"),
        ("aurora || borealis", "borealis"),
        ("aurora||borealis", "borealis"),
        ("aurora AND delay", "delays at Aurora"),
        ("aurora && delay", "delays at Aurora"),
        ("aurora && !borealis", "aurora"),
        ("aurora AND (delay OR refund)", "Aurora refunds"),
        ("aurora -borealis", "aurora alone"),
        ("+aurora delay", "aurora"),
        ("aurora AND delay OR refund", "refund"),
        ("refund OR aurora AND delay", "refund"),
        ("aurora AND (NOT borealis)", "aurora"),
        ("NOT (NOT aurora)", "aurora"),
        ("(aurora)^2 delay^3", "aurora"),
        ("text:(aurora OR delay)", "aurora"),
        ("a TO b", "to"),
        ("Yahoo!", "yahoo"),
        ("aurora\\ air", "the aurora air"),
        ("“aurora air”", "aurora air"),
        ("«аврора эйр»", "Аврора Эйр"),
        ("„aurora air“", "aurora air"),
        ('"fly \\"aurora\\" air"', "fly aurora air"),
        ("AT&T", "at&t"),
        ("C\\+\\+ aurora", "c"),
        ("/km aurora", "km"),
    ],
)
def test_operators_read_as_in_lucene(query: str, text: str) -> None:
    assert matched(query, text) is not None


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("aurora AND delay", "aurora"),
        ("aurora -borealis", "aurora and borealis"),
        ("aurora NOT borealis", "aurora and borealis"),
        ("aurora OR NOT borealis", "nothing of both"),
        ("aurora OR -borealis", "aurora borealis"),
        ("+aurora delay", "delay"),
        ("+aurora OR delay", "delay"),
        ("aurora AND !borealis", "aurora borealis"),
        ("aurora AND (delay OR refund)", "aurora"),
        ("aurora AND (NOT borealis)", "borealis aurora"),
        ("-(aurora borealis) delay", "delay aurora"),
        ("(-aurora AND -borealis) AND delay", "delay borealis"),
    ],
)
def test_what_is_missing_or_forbidden_does_not_match(query: str, text: str) -> None:
    assert matched(query, text) is None


def test_quotes_fix_form_and_order_but_not_case_or_diacritics() -> None:
    assert matched('"Škoda auto"', "SKODA AUTO je tu") == ("SKODA AUTO",)
    assert matched('"Škoda auto"', "Škodě auto") is None
    assert matched('"Škoda auto"', "auto Škoda") is None
    assert matched('"Škoda auto"', "škoda, auto") == ("škoda, auto",)
    assert matched('"skoda"', "Škody") is None
    assert matched('"where is my flight?"', "WHERE IS MY FLIGHT") is not None


@pytest.mark.parametrize(
    ("slop", "text", "found"),
    [
        (0, "late flight", True),
        (0, "late night flight", False),
        (1, "late night flight", True),
        (3, "late as ever my flight", True),
        (2, "late as ever my flight", False),
        (1, "flight late", False),
        (2, "flight late", True),
        (3, "flight is late", True),
        (2, "flight is late", False),
    ],
)
def test_proximity_counts_moves_as_lucene_does(slop: int, text: str, *, found: bool) -> None:
    assert (matched(f'"late flight"~{slop}', text) is not None) is found


def test_a_repeated_word_of_a_phrase_needs_two_places() -> None:
    assert matched('"bye bye aurora"~3', "bye aurora") is None
    assert matched('"bye bye aurora"~3', "bye, aurora, bye") is not None


def test_a_phrase_does_not_reach_from_the_title_into_the_text() -> None:
    assert matched('"aurora air"', "air is fresh", title="Aurora") is None
    assert matched("aurora air", "nothing", title="Aurora") == ("Aurora",)
    assert matched("title:aurora", "aurora", title="news") is None
    assert matched("title:aurora", "x", title="Aurora news") == ("Aurora",)
    assert matched("text:aurora", "x", title="Aurora news") is None
    assert matched("title:aurora", "aurora") is None


def test_found_terms_come_in_order_of_appearance_title_first() -> None:
    assert matched("delay OR aurora", "Delayed again", title="Aurora") == ("Aurora", "Delayed")


def test_wildcards_stay_inside_a_word() -> None:
    assert matched("auror*", "Aurorin, AURORÁ") == ("Aurorin", "AURORÁ")
    assert matched("au?ora", "auxora au ora")
    assert matched("aur*air", "auroraair") == ("auroraair",)
    assert matched("aur*air", "aurora air") is None
    assert matched("авро*", "АВРОРЫ")
    assert matched("text:auror*", "Aurorin")
    assert matched("T-Mob*", "t-mobilni") == ("t-mobilni",)
    assert matched("auror*", "aurora" + "a" * 200) is None


def test_an_escaped_star_is_no_wildcard() -> None:
    assert matched("auror\\*", "aurorin") is None
    assert matched('"m\\*a\\*s\\*h"', "M*A*S*H") == ("M*A*S*H",)


@pytest.mark.parametrize("word", ["aurora", "arora", "aurorra", "auroro", "auorra", "urora", "auroar"])
def test_one_wrong_letter_is_forgiven_where_asked(word: str) -> None:
    assert matched("aurora~1", word)
    assert matched("aurora~", word)


@pytest.mark.parametrize("word", ["auroras1", "arra", "auor", "oaurra", "aururas"])
def test_two_wrong_letters_are_not_forgiven(word: str) -> None:
    assert matched("aurora~1", word) is None


def test_names_match_with_their_sign_only_and_plain_words_match_them_too() -> None:
    assert matched("@auroraair", "hi @AuroraAir!") == ("@AuroraAir",)
    assert matched("@auroraair", "auroraair #auroraair me@auroraair") is None
    assert matched("#auroraair", "@auroraair") is None
    assert matched("$aur", "buy $AUR now") == ("$AUR",)
    assert matched("auroraair", "@auroraair") == ("@auroraair",)
    assert matched("auroraair", "#AuroraAir") == ("#AuroraAir",)
    assert matched("@aurora_air", "to @aurora_air, please") == ("@aurora_air",)
    assert matched("@aurora", "@aurora_air @aurora.fan") is None
    assert matched("@aurora.bsky.social", "by @aurora.bsky.social.") is not None
    assert matched("@aurora", "by @aurora@mastodon.example") == ("@aurora",)
    assert matched('"@auroraair delayed"', "@auroraair delayed") == ("@auroraair delayed",)
    assert matched('"@auroraair delayed"', "auroraair delayed") is None
    assert matched("＠auroraair", "@auroraair")
    assert matched("#аврора", "летим #Аврора!") == ("#Аврора",)


def test_fields_ask_about_the_post() -> None:
    assert matched("network:vk AND aurora", "aurora") == ("network:vk", "aurora")
    assert matched("network:VK", "x", network="vk")
    assert matched("network:(telegram OR vk)", "x") == ("network:vk",)
    assert matched("network:mas*", "x", network="mastodon")
    assert matched("network:tele*", "x") is None
    assert matched("lang:pt", "x", lang="pt-BR")
    assert matched("lang:pt-br", "x", lang="pt_BR")
    assert matched("lang:pt-br", "x", lang="pt") is None
    assert matched("lang:ru", "x") is None
    assert matched("kind:review", "x", kind="review")
    assert matched("kind:review", "x") is None
    assert matched("url:example.com", "x", url="https://news.Example.com/a")
    assert matched('url:"https://news.example.com/"', "x", url="https://news.example.com/a")
    assert matched("url:news*/a", "x", url="https://news.example.com/a")
    assert matched("url:example.org", "x", url="https://news.example.com/a") is None


def test_an_author_is_known_by_handle_id_or_words_of_the_name() -> None:
    author = Author(id="77", name="Jan Novák mladší", handle="jan_novak")
    for query in ("author:jan_novak", "author:@jan_novak", "author:77", 'author:"Jan Novak"', "author:novak"):
        assert matched(query, "x", author=author) == ("author:jan_novak",)
    assert matched("author:jan*", "x", author=author)
    for query in ("author:jan_n", 'author:"Novak Jan"', "author:7", "author:eva*"):
        assert matched(query, "x", author=author) is None


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        ("followers:>100", False),
        ("followers:>=100", True),
        ("followers:<100", False),
        ("followers:<=100", True),
        ("followers:100", True),
        ('followers:"100"', True),
        ("followers:99", False),
        ("followers:[100 TO 200]", True),
        ("followers:{100 TO 200]", False),
        ("followers:{99 TO 101}", True),
        ("followers:[50 TO 100}", False),
        ("followers:[100 TO *]", True),
        ("followers:[* TO 99]", False),
    ],
)
def test_followers_are_compared_as_numbers(query: str, *, fits: bool) -> None:
    assert (matched(query, "x", author=Author(followers=100)) is not None) is fits
    assert matched(query, "x") is None


def test_the_terms_of_an_index_are_the_folded_words() -> None:
    assert terms("Škodě, Wendy's #Аврора_Эйр 🙂 U2") == ["skode", "wendy", "аврора", "эйр", "u2"]
    assert terms(" …!") == []


def test_a_query_is_a_value_that_can_be_used_again() -> None:
    query = compile_query("aurora")
    assert query == compile_query("aurora")
    assert query.text == "aurora"
    assert [query.match(analyse(post(text))) for text in ("aurora", "x", "aurora")] == [
        ("aurora",),
        None,
        ("aurora",),
    ]


def test_the_index_query_narrows_what_it_can() -> None:
    narrowed = {
        '"late flight"': '("late" AND "flight")',
        "auror* AND NOT borealis": '"auror" *',
        "@aurora_air": '("aurora" AND "air")',
        "network:vk": None,
        "network:vk AND auror*": '"auror" *',
        "network:vk OR auror*": None,
        "aurora~1": None,
        "+auror* welcome": '"auror" *',
    }
    assert {query: compile_query(query).index_query() for query in narrowed} == narrowed
