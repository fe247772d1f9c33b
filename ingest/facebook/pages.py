"""`via = "pages"`: looks at pages again and again, each with its own token."""

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct

from ingest.facebook.config import Config, List
from ingest.facebook.parse import NETWORK, read_comment, read_post, read_review
from ingest.graph.api import Graph, segment
from ingest.graph.follow import Settings
from ingest.graph.looking import LookingSource
from ingest.graph.wall import Edge, Found, Place, Reading
from ingest.http import PoliteClient
from ingest.markup import clean

RIGHTS = ("pages_read_engagement", "pages_read_user_content")
POST_FIELDS = (
    "id,message,created_time,from,permalink_url,parent_id,is_hidden,shares,reactions.limit(0).summary(true),"
    "comments.filter(stream).limit(0).summary(true)"
)
COMMENT_FIELDS = "id,message,created_time,from,like_count,comment_count,permalink_url,parent,is_hidden"

_REVIEW_FIELDS = "created_time,rating,recommendation_type,review_text,reviewer,open_graph_story"


class _Page(Struct):
    id: str
    name: str = ""
    username: str = ""
    followers_count: int | None = None
    access_token: str = ""


class PageWall:
    """See `ingest.graph.wall.Wall`."""

    network = NETWORK
    comments = Edge(
        name="comments", params={"fields": COMMENT_FIELDS, "filter": "stream", "order": "reverse_chronological"}
    )
    replies: Edge | None = None

    def __init__(self, graph: Graph, lists: tuple[List, ...]) -> None:
        self._graph = graph
        self.edges = tuple(_edge(name) for name in lists)

    async def meet(self, target: str) -> Place:
        """Ask who a page is, and for its own token: that of a person or a system user gives it out."""
        return await meet(self._graph, target, ask="id,name,username,followers_count,access_token")

    def post(self, raw: bytes, reading: Reading) -> Found:
        """Read a post or a review."""
        return read_review(raw, reading) if reading.edge == "ratings" else read_post(raw, reading)

    def comment(self, raw: bytes, reading: Reading, *, under: str) -> list[Found]:
        """Read a comment; answers stand in the same list."""
        return [read_comment(raw, reading, under=under)]


async def meet(graph: Graph, target: str, *, ask: str) -> Place:
    """Ask who a page is."""
    page = await graph.get(segment(target), {"fields": ask}, _Page)
    return Place(
        network=NETWORK,
        id=page.id,
        handle=clean(page.username).lower(),
        name=clean(page.name),
        followers=page.followers_count,
        token=page.access_token,
    )


def pages_source(config: Config, *, client: PoliteClient, clock: Callable[[], datetime]) -> LookingSource:
    """Make the source."""
    graph = Graph(config, client=client)
    settings = Settings(
        source=config.name,
        targets=config.pages,
        every=config.every,
        backlog_hours=config.backlog_hours,
        refresh_hours=config.refresh_hours,
        follow_days=config.follow_days,
    )
    return LookingSource(config, settings, PageWall(graph, config.lists), graph, wanted=RIGHTS, clock=clock)


def _edge(name: List) -> Edge:
    if name == "ratings":
        return Edge(name=name, params={"fields": _REVIEW_FIELDS}, optional=True)
    return Edge(name=name, params={"fields": POST_FIELDS}, optional=name != "feed", since=True)
