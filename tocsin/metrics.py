"""Every Prometheus metric of Tocsin, in one place; docs/reference/metrics.md is generated from here.

Labels never carry a brand or an author: their number is not ours to bound.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

_DELAYS = (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 900, 3600)
_WAITS = (60, 300, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400, 172_800, 604_800)
_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


class Metrics:
    """One set of metrics with a registry of its own, so that two runtimes in one process do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._sources()
        self._pipeline()
        self._alerting()
        self._cluster()

    def _sources(self) -> None:
        self.posts = self._counter("posts", "Posts that were new or changed.", "source")
        self.posts_repeated = self._counter("posts_repeated", "Posts heard again unchanged, and skipped.", "source")
        self.posts_recounted = self._counter(
            "posts_recounted", "Posts heard again with newer counters, which their mentions took over.", "source"
        )
        self.source_errors = self._counter("source_errors", "Failed fetches.", "source", "kind")
        self.source_up = self._gauge("source_up", "1 while listened to, 0 once it was stopped.", "source")
        self.source_silent = self._gauge(
            "source_silent", "1 while a source brings nothing for longer than chance explains.", "source"
        )
        self.source_last_post = self._gauge(
            "source_last_post_timestamp_seconds", "When a source last brought a post.", "source"
        )
        self.dead_letters = self._counter("dead_letters", "Records that could not be processed.", "stage", "reason")

    def _pipeline(self) -> None:
        self.mentions = self._counter("mentions", "Mentions judged.", "network", "lang", "sentiment", "urgency")
        self.for_review = self._counter(
            "mentions_for_review", "Mentions on which the judge asked for a person.", "lang"
        )
        self.judged_texts = self._histogram("judged_texts", "Texts that the model was given at once.", _SIZES)
        self.judge_seconds = self._histogram("judge_seconds", "Time the model took for them.", _DELAYS)
        self.stage_seconds = self._histogram("stage_seconds", "Time of one stage for one batch.", _DELAYS, "stage")
        self.batch_posts = self._histogram("batch_posts", "Posts in one batch.", _SIZES)
        self.commit_seconds = self._histogram("commit_seconds", "Time of one transaction.", _DELAYS)
        self.commit_failures = self._counter("commit_failures", "Transactions the store could not take; repeated.")
        self.waiting_pages = self._gauge("waiting_pages", "Fetched pages that wait for the pipeline.")
        self.oldest_waiting = self._gauge(
            "oldest_waiting_seconds", "Age of the oldest fetched page not yet processed, 0 when none waits."
        )
        self.post_to_store = self._histogram(
            "post_to_store_seconds", "From hearing a live post to its mention being stored.", _DELAYS, "source"
        )
        self.first_response = self._histogram(
            "first_response_seconds",
            "From a live post to the first reply of the brand's own account, where the post was stored first.",
            _WAITS,
            "network",
        )

    def _alerting(self) -> None:
        self.alerts = self._counter("alerts", "Alerts raised.", "kind", "severity", "reason")
        self.near_misses = self._counter("near_misses", "Times a rule looked and did not fire.", "kind", "reason")
        self.notifications = self._counter("notifications", "Deliveries by outcome.", "receiver", "outcome")
        self.outbox_pending = self._gauge("outbox_pending", "Notifications not yet delivered.")
        self.post_to_alert = self._histogram(
            "post_to_alert_seconds",
            "From the event time of the post that decided it to the delivery.",
            _DELAYS,
        )

    def _cluster(self) -> None:
        self.published = self._counter("published", "Messages that a topic acknowledged.", "topic")
        self.consumed = self._counter("consumed", "Messages read from a topic and dealt with.", "topic")
        self.redelivered = self._counter("redelivered", "Messages that came again and were skipped.", "stage")
        self.lag = self._gauge(
            "lag_records", "Records of a topic that a group has yet to deal with.", "topic", "group"
        )
        self.oldest_unprocessed = self._gauge(
            "oldest_unprocessed_seconds", "Age of the oldest record a group has yet to deal with; 0: none.", "group"
        )
        self.holding = self._gauge("holding", "1 while the line is held, and why.", "why")
        self.indexed = self._counter("indexed", "Documents offered to Elasticsearch, by outcome.", "outcome")
        self.slowed_down = self._counter("slowed_down", "Times Elasticsearch asked to be spared.", "why")
        self.conflicts = self._counter("conflicts", "Writes that another process was ahead of.", "what")
        self.post_to_index = self._histogram(
            "post_to_index_seconds", "From hearing a live post to its mention being written to the index.", _DELAYS
        )

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"tocsin_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"tocsin_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"tocsin_{name}", text, labels, buckets=buckets, registry=self.registry)

    def render(self) -> bytes:
        """Render the Prometheus text format."""
        return generate_latest(self.registry)
