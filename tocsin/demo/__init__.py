"""The shipped example: five calm days and one crisis of invented brands, in five languages.

`posts.jsonl` is in the form the `file` source reads; `brands.toml` holds the brands that it talks about.
"""

from pathlib import Path

POSTS = Path(__file__).with_name("posts.jsonl")
"""The posts, one JSON object a line, in order of `created_at`."""

BRANDS = Path(__file__).with_name("brands.toml")
"""The `[[brand]]` tables of the demo's configuration."""
