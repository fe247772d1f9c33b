"""What can be followed on an instance, in the words of its three ways: WebSocket, event stream, timeline."""

from typing import Literal
from urllib.parse import quote, urlencode

from msgspec import Struct

Timeline = Literal["public", "public:local", "public:remote"]


class Channel(Struct, frozen=True):
    """A hashtag or a public timeline."""

    stream: Literal["hashtag"] | Timeline
    tag: str = ""

    @property
    def key(self) -> str:
        """The name that frames carry, joined: `hashtag:acme`, `public:local`."""
        return f"{self.stream}:{self.tag}" if self.tag else self.stream

    @property
    def subscription(self) -> dict[str, str]:
        """The words of a WebSocket subscription."""
        return {"stream": self.stream, "tag": self.tag} if self.tag else {"stream": self.stream}

    @property
    def stream_path(self) -> str:
        """The path of its event stream."""
        path = f"/api/v1/streaming/{self.stream.replace(':', '/')}"
        return f"{path}?{urlencode({'tag': self.tag})}" if self.tag else path

    @property
    def timeline(self) -> tuple[str, dict[str, str | int]]:
        """The path and parameters of its timeline."""
        if self.tag:
            return f"/api/v1/timelines/tag/{quote(self.tag, safe='')}", {}
        _, _, part = self.stream.partition(":")
        return "/api/v1/timelines/public", {part: "true"} if part else {}
