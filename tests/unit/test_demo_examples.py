"""The shipped example posts are whole, varied, and matched as the demo says."""

import json
import tomllib
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec

from domain.brand import Brand
from domain.judgement import SUPPORTED_LANGUAGES
from domain.post import Post
from domain.query import BrandMatcher
from ingest.records.fields import Columns
from ingest.records.post import PostReader
from tocsin.demo import BRANDS, POSTS

CRISIS = datetime(2025, 10, 10, 9, 0, tzinfo=UTC)


def rows() -> list[dict[str, Any]]:
    return [json.loads(line) for line in POSTS.read_text(encoding="utf-8").splitlines()]


def posts() -> list[Post]:
    reader = PostReader(Columns({}), source="demo", network="file")
    return [reader.read(row, collected_at=CRISIS + timedelta(days=1)) for row in rows()]


def brands() -> list[Brand]:
    return [msgspec.convert(table, Brand) for table in tomllib.loads(BRANDS.read_text(encoding="utf-8"))["brand"]]


def matched(post: Post, matcher: BrandMatcher) -> set[str]:
    return {brand.name for brand, _ in matcher.match(post)}


def test_every_example_is_a_post_with_its_own_id() -> None:
    ids = [post.id for post in posts()]
    assert len(ids) == len(set(ids))
    assert len(ids) >= 150


def test_followers_and_counters_are_read() -> None:
    loud = max(posts(), key=lambda post: post.author.followers or 0)
    assert loud.author.followers == 214_000
    assert loud.engagement.views == 96_000


def test_the_examples_come_in_order_of_time() -> None:
    times = [post.created_at for post in posts()]
    assert times == sorted(times)
    assert len({time.date() for time in times}) == 6


def test_all_five_languages_are_spoken_on_at_least_six_networks() -> None:
    langs = Counter(post.lang for post in posts())
    assert set(langs) == set(SUPPORTED_LANGUAGES)
    assert min(langs.values()) >= 10
    assert len({post.network for post in posts()}) >= 6


def test_no_link_leads_to_a_real_site() -> None:
    words = [word for row in rows() for word in [row["url"], *row["text"].split()] if "://" in word]
    hosts = {urlsplit(word).hostname or "" for word in words}
    assert all(host.endswith(".example.org") for host in hosts), hosts


def test_a_repost_points_at_a_post_that_is_there() -> None:
    ids = {row["id"] for row in rows()}
    origins = [row["repost_of"] for row in rows() if "repost_of" in row]
    assert origins
    assert set(origins) <= ids


def test_every_brand_is_heard_and_nearly_every_post_is_about_one() -> None:
    matcher = BrandMatcher(brands())
    heard = {post.native_id: matched(post, matcher) for post in posts()}
    counts = Counter(name for names in heard.values() for name in names)
    assert set(counts) == {"Shugyla Bank", "Aurora Air", "Borealis Jet"}
    unmatched = {post.native_id: post.text for post in posts() if not heard[post.native_id]}
    assert len(unmatched) <= 5, unmatched


def test_the_housing_district_of_the_same_name_is_kept_out() -> None:
    matcher = BrandMatcher(brands())
    district = [post for post in posts() if "микрорайон 2" in post.text or "мкр-да" in post.text]
    assert len(district) == 2
    assert not any("Shugyla Bank" in matched(post, matcher) for post in district)


def test_the_crisis_builds_within_two_hours_of_calm_days() -> None:
    matcher = BrandMatcher(brands())
    bank = [post.created_at for post in posts() if "Shugyla Bank" in matched(post, matcher)]
    calm = [time for time in bank if time < CRISIS]
    crisis = [time for time in bank if CRISIS <= time < CRISIS + timedelta(hours=2)]
    assert len(calm) / 5 < 12
    assert len(crisis) > 60
