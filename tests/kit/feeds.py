"""Feeds of an invented site, written on the spot in all three formats."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from xml.sax.saxutils import escape


@dataclass(frozen=True)
class Story:
    """One entry as a test wants it; `html` is the body."""

    id: str
    title: str
    html: str
    at: datetime | None = None
    link: str = ""
    author: str = ""
    updated: datetime | None = None


def rss(stories: Iterable[Story], *, channel: str = "", body: str = "") -> bytes:
    """RSS 2.0; `channel` and `body` are XML put into the channel as they are."""
    found = "".join(
        f"<item><guid isPermaLink='false'>{escape(s.id)}</guid><title>{escape(s.title)}</title>"
        + (f"<link>{escape(s.link)}</link>" if s.link else "")
        + (f"<pubDate>{format_datetime(s.at)}</pubDate>" if s.at else "")
        + (f"<author>desk@aurora.example ({escape(s.author)})</author>" if s.author else "")
        + f"<description>{escape(s.html)}</description></item>"
        for s in stories
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?><rss version="2.0" '
        'xmlns:sy="http://purl.org/rss/1.0/modules/syndication/"><channel><title>The Runway</title>'
        f"<language>en</language>{channel}{found}{body}</channel></rss>"
    ).encode()


def atom(stories: Iterable[Story]) -> bytes:
    """Atom 1.0."""
    found = "".join(
        f"<entry><id>{escape(s.id)}</id><title type='html'>{escape(s.title)}</title>"
        + (f"<link rel='alternate' href='{escape(s.link)}'/>" if s.link else "")
        + (f"<published>{s.at.isoformat()}</published>" if s.at else "")
        + (f"<updated>{s.updated.isoformat()}</updated>" if s.updated else "")
        + (f"<author><name>{escape(s.author)}</name></author>" if s.author else "")
        + f"<content type='html'>{escape(s.html)}</content></entry>"
        for s in stories
    )
    return f'<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="cs"><title>Ranvej</title>{found}</feed>'.encode()


def json_feed(stories: Iterable[Story], *, items: Iterable[object] = ()) -> bytes:
    """JSON Feed 1.1; `items` are put behind the stories as they are."""
    found: list[object] = [
        {
            "id": s.id,
            "title": s.title,
            "content_html": s.html,
            "url": s.link,
            **({"date_published": s.at.isoformat()} if s.at else {}),
            **({"authors": [{"name": s.author}]} if s.author else {}),
        }
        for s in stories
    ]
    feed = {"version": "https://jsonfeed.org/version/1.1", "title": "Runway", "items": [*found, *items]}
    return json.dumps(feed).encode()
