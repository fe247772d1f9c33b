"""Every kind of source Tocsin can read: one folder, one line."""

from domain.integration import Integration, registry

SOURCES = registry(
    Integration("mastodon", "ingest.mastodon", "Hashtags and public timelines of a Mastodon-like server"),
    Integration("bluesky", "ingest.bluesky", "Every public post of Bluesky, by Jetstream; no key needed"),
    Integration("file", "ingest.file", "Posts from CSV, JSON Lines and Parquet files, also packed", verified="n/a"),
    Integration("replay", "ingest.replay", "A recorded stream, played again at any speed", verified="n/a"),
    Integration("webhook", "ingest.webhook", "Posts that other programs send, signed", verified="n/a"),
    Integration("rss", "ingest.rss", "RSS, Atom and JSON Feed: news, blogs, forums"),
    Integration("hackernews", "ingest.hackernews", "Hacker News stories and comments"),
    Integration("vk", "ingest.vk", "VKontakte: walls and comments, search, the stream, events of own communities"),
    Integration("telegram", "ingest.telegram", "Telegram: chats a bot is in, and public channels and groups"),
    Integration("x", "ingest.x", "X: posts as they are written, or by search, within a spending cap"),
    Integration("reddit", "ingest.reddit", "Reddit: posts and comments of subreddits, and what its search finds"),
    Integration("youtube", "ingest.youtube", "Comments of channels and videos, and of videos found by search"),
    Integration("facebook", "ingest.facebook", "Facebook: posts, comments, reviews and messages of your pages"),
    Integration("instagram", "ingest.instagram", "Instagram: comments on your media, hashtags, mentions, messages"),
    Integration("appstore", "ingest.appstore", "Reviews of the App Store, by its feed or by App Store Connect"),
    Integration("googleplay", "ingest.googleplay", "Google Play: reviews of one's own apps"),
    Integration("ok", "ingest.ok", "Odnoklassniki: topics and comments of groups, and messages to one of them"),
    Integration("discourse", "ingest.discourse", "Discourse forums: all that is written, or what the search finds"),
    Integration("lemmy", "ingest.lemmy", "Lemmy: posts and comments of an instance, or what its search finds"),
    Integration("googleplus", "ingest.googleplus", "Google+, closed in 2019: the archive of Takeout", verified="n/a"),
)
"""By kind. Each module offers `Config` and `build(config, *, client, clock) -> Source`."""
