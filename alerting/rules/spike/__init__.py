"""Rings when many more posts, or many more negative ones, come than is usual for the brand.

Two counts are watched, all mentions and negative ones, over the last 15 minutes, hour and six hours. What is usual is
learned per brand from the last 14 days of hourly counts: a level, its shape over the day and how unsteady it is. A
count rings when it is at least `minimum`, at least `ratio` times the usual, less likely than `chance`, and above all
but one of the daily peaks of those days. It rings once at the onset, again whenever it doubles, and not before it was
over for an hour. A spike of mentions that are neither negative nor unscored is `minor`.
"""

from alerting.rules.spike.config import Config
from alerting.rules.spike.fold import Spike, build

__all__ = ["Config", "Spike", "build"]
