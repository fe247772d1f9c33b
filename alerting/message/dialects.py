"""From the canonical form (text with b, i, a and blockquote) to plain text, Slack's mrkdwn and the HTML of a mail."""

from html import escape
from html.parser import HTMLParser
from urllib.parse import quote


class _Walker(HTMLParser):
    """Goes through the canonical form; subclasses say what tags and text become."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.quoting = False

    def text(self, form: str) -> str:
        """Convert a whole canonical form."""
        self.feed(form)
        self.close()
        return "".join(self.parts)


class _Plain(_Walker):
    """No marks; the address stands after the words of a link."""

    def __init__(self) -> None:
        super().__init__()
        self.address = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.address = dict(attrs).get("href") or ""
        elif tag == "blockquote":
            self.parts.append("  ")

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self.address:
            self.parts.append(f" {self.address}")
            self.address = ""

    def handle_data(self, data: str) -> None:
        self.parts.append(data)


class _Mrkdwn(_Walker):
    """Slack: *bold*, _italic_, <address|words>, > quote; its three special characters escaped."""

    MARKS = {"b": "*", "i": "_"}  # noqa: RUF012  # a constant of the class

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.parts.append(f"<{_slack_address(dict(attrs).get('href') or '')}|")
        self.parts.append("> " if tag == "blockquote" else self.MARKS.get(tag, ""))

    def handle_endtag(self, tag: str) -> None:
        self.parts.append(">" if tag == "a" else self.MARKS.get(tag, ""))

    def handle_data(self, data: str) -> None:
        self.parts.append(escape(data, quote=False))


def plain(form: str) -> str:
    """For terminals, the text part of a mail, and wherever formatting was refused."""
    return _Plain().text(form)


def mrkdwn(form: str) -> str:
    """For Slack and those that speak like it."""
    return _Mrkdwn().text(form)


def mail(form: str, *, language: str, rtl: bool) -> str:
    """A whole HTML page; line breaks of the canonical form stay."""
    direction = "rtl" if rtl else "ltr"
    return (
        f'<!DOCTYPE html><html lang="{language}" dir="{direction}"><head><meta charset="utf-8"></head>'
        f'<body><div dir="{direction}" style="white-space:pre-line;font-family:sans-serif;font-size:15px;'
        f'line-height:1.45;max-width:44em">{form}</div></body></html>'
    )


def _slack_address(url: str) -> str:
    return escape(quote(url, safe="%/:=&?~#+!$,;'@()*[]-._"), quote=False)
