"""Prints notifications; the stream is looked up at each message, so that a redirected one is honoured."""

import sys
from collections.abc import Callable
from datetime import datetime

from alerting.message import compose
from alerting.notifiers.console.config import Config
from domain.errors import DeliveryRefused, DeliveryRetry
from domain.incident import Notification
from domain.transport import Transport

COLOURS = {"minor": "yellow", "major": "dark_orange", "critical": "red"}


def build(config: Config, *, transport: Transport, clock: Callable[[], datetime]) -> "Console":  # noqa: ARG001  # the shape of all receivers
    """The terminal as configured."""
    return Console(config)


class Console:
    """One stream of this process."""

    def __init__(self, config: Config) -> None:
        self.name = config.name
        self._config = config

    async def send(self, notification: Notification, *, thread: str) -> str:  # noqa: ARG002  # a terminal has no threads
        """Print the message."""
        from rich.console import Console as Terminal
        from rich.panel import Panel
        from rich.text import Text

        message = compose(notification, language=self._config.language, timezone=self._config.timezone)
        terminal = Terminal(file=sys.stdout if self._config.stream == "stdout" else sys.stderr)
        colour = "green" if notification.kind == "resolved" else COLOURS[notification.incident.severity]
        try:
            if terminal.is_terminal:
                terminal.print(Panel(Text(message.plain), border_style=colour, expand=False))
            else:
                terminal.file.write(f"{message.plain}\n\n")
                terminal.file.flush()
        except BrokenPipeError:
            # The reader of the pipe left for good: asked again, it would keep the outbox from ever being empty.
            raise DeliveryRefused("nobody reads this terminal any more: the pipe is closed") from None
        except (OSError, ValueError, UnicodeEncodeError) as error:
            raise DeliveryRetry(f"the terminal cannot be written to ({type(error).__name__})") from None
        return ""

    async def check(self) -> str:
        """A terminal is always there."""
        return f"prints to {self._config.stream}"
