"""`via = "media"`: the account's own media, their comments and the answers to those, again and again."""

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct

from ingest.graph.api import Graph, segment
from ingest.graph.follow import Settings
from ingest.graph.looking import LookingSource
from ingest.graph.wall import Edge, Found, Place, Reading
from ingest.http import PoliteClient
from ingest.instagram.config import Config
from ingest.instagram.parse import NETWORK, read_comment, read_media
from ingest.markup import clean

RIGHTS = ("instagram_basic", "instagram_manage_comments")
MOST = 50
"""Objects of one list that Instagram gives at a time."""
MEDIA_FIELDS = "id,caption,media_type,permalink,timestamp,username,like_count,comments_count"

_ANSWER_FIELDS = "id,text,timestamp,username,from,like_count,hidden"
_COMMENT_FIELDS = f"{_ANSWER_FIELDS},replies{{{_ANSWER_FIELDS}}}"


class _User(Struct):
    id: str
    username: str = ""
    name: str = ""
    followers_count: int | None = None


class MediaWall:
    """See `ingest.graph.wall.Wall`."""

    network = NETWORK
    edges: tuple[Edge, ...] = (Edge(name="media", params={"fields": MEDIA_FIELDS}, most=MOST),)
    comments = Edge(name="comments", params={"fields": _COMMENT_FIELDS}, most=MOST)
    replies: Edge | None = Edge(name="replies", params={"fields": f"{_ANSWER_FIELDS},parent_id"}, most=MOST)

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def meet(self, target: str) -> Place:
        """Ask who an account is."""
        return await meet(self._graph, target)

    def post(self, raw: bytes, reading: Reading) -> Found:
        """Read a medium."""
        return read_media(raw, reading)

    def comment(self, raw: bytes, reading: Reading, *, under: str) -> list[Found]:
        """Read a comment with its answers, or an answer."""
        return read_comment(raw, reading, under=under)


async def meet(graph: Graph, target: str) -> Place:
    """Ask who an account is."""
    user = await graph.get(segment(target), {"fields": "id,username,name,followers_count"}, _User)
    return Place(
        network=NETWORK,
        id=user.id,
        handle=clean(user.username).lower(),
        name=clean(user.name),
        followers=user.followers_count,
    )


def media_source(config: Config, *, client: PoliteClient, clock: Callable[[], datetime]) -> LookingSource:
    """Make the source."""
    graph = Graph(config, client=client)
    settings = Settings(
        source=config.name,
        targets=config.users,
        every=config.every,
        backlog_hours=config.backlog_hours,
        refresh_hours=config.refresh_hours,
        follow_days=config.follow_days,
    )
    return LookingSource(config, settings, MediaWall(graph), graph, wanted=RIGHTS, clock=clock)
