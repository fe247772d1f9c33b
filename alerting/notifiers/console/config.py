"""Settings of the terminal as a receiver."""

from typing import Literal

from pydantic import Field

from alerting.config import ReceiverConfig


class Config(ReceiverConfig):
    """Where to print."""

    kind: Literal["console"] = "console"
    name: str = Field("console", min_length=1, max_length=200, description="Unique name; default: the kind.")
    stream: Literal["stderr", "stdout"] = Field("stderr", description="Which stream of the process to print to.")
