"""Brand queries: Lucene's `query_string` syntax, compiled once, matched against posts.

`"aurora air" OR auror* OR "late flight"~3`, AND OR NOT && || ! + -, brackets, fields. Words side by side without an
operator are an OR, as in Lucene and Elasticsearch. Plain words match all their forms in Russian, Kazakh, Czech,
Arabic and English; quotes fix form and order; case, diacritics, ё/е, Arabic letter variants and Kazakh letters typed
as Russian ones never matter. `@name`, `#name` and `$name` match only with their sign; a plain word matches them too.
"""

from domain.query.document import Document, analyse, terms
from domain.query.fields import FIELDS
from domain.query.matcher import BrandMatcher
from domain.query.phrases import Phrase, phrases
from domain.query.query import Query, compile_query

__all__ = [
    "FIELDS",
    "BrandMatcher",
    "Document",
    "Phrase",
    "Query",
    "analyse",
    "compile_query",
    "phrases",
    "terms",
]
