"""How Telegram's things are called here, the same in every way of hearing them: ids, links, versions, texts."""

from domain.ids import stable_id

SITE = "https://t.me"
CHANNEL = -1_000_000_000_000
"""The Bot API's id of a channel or supergroup is this less its own number: -100 before it, when it has ten digits."""


def channel_id(number: int) -> int:
    """Return the Bot API's id of a channel or supergroup that MTProto knows by `number`."""
    return CHANNEL - number


def native_id(chat: int, message: int) -> str:
    """Name a message for good: chat as the Bot API counts, then the message's number in it."""
    return f"{chat}_{message}"


def version(text: str) -> str:
    """Tell edits apart by what they say: a reaction moves Telegram's own edit time too."""
    return stable_id(text)[:16]


def account(handle: str, number: int | str) -> str:
    """Write an account as `[[brand]].accounts` does."""
    return f"telegram:{handle or number}".lower()


def profile(handle: str) -> str:
    """Link to a person, bot, channel or group with a public name; empty without one."""
    return f"{SITE}/{handle}" if handle else ""


def permalink(handle: str, chat: int, message: int) -> str:
    """Link to a message in a channel or supergroup; empty for other chats, whose messages have no address."""
    if handle:
        return f"{SITE}/{handle}/{message}"
    return f"{SITE}/c/{CHANNEL - chat}/{message}" if chat < CHANNEL else ""


def comment_link(handle: str, chat: int, post: int, comment: int) -> str:
    """Link to a comment under a channel's post."""
    return f"{permalink(handle, chat, post)}?comment={comment}"


def poll_text(question: str, answers: list[str]) -> str:
    """Read a poll: its question, then one answer a line."""
    return "\n".join(part for part in (question, *answers) if part)
