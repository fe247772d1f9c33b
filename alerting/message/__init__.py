"""What people read: a notification in their language, as HTML of few tags, from which the other forms are made."""

from alerting.message.compose import Message, compose

__all__ = ["Message", "compose"]
