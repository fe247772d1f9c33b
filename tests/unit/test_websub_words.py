"""What WebSub says in headers, feeds, addresses and configuration."""

import json

import pytest
from pydantic import ValidationError

from ingest.http import Answer
from ingest.rss import Config
from ingest.rss.entry import Feed
from ingest.rss.parse import read_feed
from ingest.rss.websub import callback, discover, is_signed, linked, secret_of, was_asked
from tests.kit.feeds import json_feed, rss
from tests.kit.ingest import SECRET
from tests.networks.websub import links


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ('<https://h.example/>; rel="hub"', {"hub": "https://h.example/"}),
        (
            '<https://h.example/>; rel=hub, <https://f.example/x,y>; title="a, b"; rel="self alternate"',
            {"hub": "https://h.example/", "self": "https://f.example/x,y", "alternate": "https://f.example/x,y"},
        ),
        ("<a>; REL=HUB, <b>; rel=hub", {"hub": "a"}),
        ("hub", {}),
        ("", {}),
    ],
)
def test_link_headers_are_read(header: str, found: dict[str, str]) -> None:
    assert linked(header) == found


def answer(headers: dict[str, str]) -> Answer:
    return Answer(status=200, headers=headers, body=b"", url="https://runway.example/news/feed")


def test_the_header_wins_over_the_feed_and_both_are_needed() -> None:
    feed = Feed(entries=[], unreadable=[], hub="/hub", itself="https://runway.example/self")
    assert discover(answer({}), feed) == ("https://runway.example/hub", "https://runway.example/self")
    link = '<https://other.example/hub>; rel="hub"'
    assert discover(answer({"link": link}), feed)[0] == "https://other.example/hub"
    assert discover(answer({"link": link}), Feed(entries=[], unreadable=[])) == ("", "")
    assert discover(answer({}), Feed(entries=[], unreadable=[], hub="javascript:x", itself="/x")) == ("", "")


def test_hubs_are_found_in_all_three_formats() -> None:
    atom = b'<feed xmlns="http://www.w3.org/2005/Atom"><link rel="hub" href="/h"/><link rel="self" href="/s"/></feed>'
    document = json.loads(json_feed([])) | {
        "feed_url": "/s",
        "hubs": [{"type": "rssCloud"}, {"type": "WebSub", "url": "/h"}],
    }
    for body in (atom, json.dumps(document).encode(), rss([], channel=links(hub="/h", topic="/s"))):
        feed = read_feed(body, content_type="", url="https://runway.example/f")
        assert (feed.hub, feed.itself) == ("/h", "/s")
    for odd in ({"hubs": 7}, {"hubs": [1, {"type": "websub", "url": 7}], "feed_url": 7}):
        feed = read_feed(json.dumps(document | odd).encode(), content_type="", url="https://runway.example/f")
        assert feed.hub == ""


def test_the_address_for_hubs_proves_that_it_was_given_to_them() -> None:
    address = callback("https://a.example", "news/1", SECRET, feed="https://f.example", topic="t")
    assert address.startswith("https://a.example/webhooks/news%2F1?feed=")
    proof = address.rpartition("=")[2]
    assert was_asked(SECRET, feed="https://f.example", topic="t", proof=proof)
    assert not was_asked(SECRET, feed="https://f.example", topic="other", proof=proof)
    assert not is_signed("", b"", secret_of(SECRET, "f"))


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"public_url": "https://listen.aurora.example/tocsin/"}, "public_url needs secret"),
        ({"public_url": "https://a.example/webhooks/rss", "secret": SECRET}, "leave /webhooks/NAME out"),
        ({"public_url": "https://listen.aurora.example/tocsin/", "secret": "short"}, "at least 16 characters"),
        ({"public_url": "listen.example", "secret": SECRET}, "not an http or https address"),
        ({"secret": SECRET}, "secret goes with public_url"),
        ({"pushed_every": 60}, "pushed_every goes with public_url"),
    ],
)
def test_what_a_config_may_not_say(table: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValidationError, match="validation error") as caught:
        Config.model_validate({"kind": "rss", "url": "https://runway.example/f", **table})
    assert sentence in str(caught.value)
    assert SECRET not in str(caught.value)
