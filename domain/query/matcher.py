"""Which of many brands a post mentions: an Aho-Corasick automaton over the folded text, then only the likely queries.

One pass over the text finds the anchors of all brands at once, so that ten thousand brands cost about as much as a
hundred; a post with no anchor is not even split into words.
"""

from collections import defaultdict
from collections.abc import Sequence

import ahocorasick

from domain.brand import Brand
from domain.errors import QueryError
from domain.mention import written_to
from domain.post import Post, account_id
from domain.query.anchor import Anchor, AnchorKind
from domain.query.document import Document, analyse
from domain.query.query import Query, compile_query


class BrandMatcher:
    """Matches posts against the queries of `brands`; raises QueryError naming the brand whose query is wrong."""

    def __init__(self, brands: Sequence[Brand]) -> None:
        self._brands = tuple(brands)
        self._queries = tuple(_compile(brand) for brand in brands)
        self._of_account: dict[str, list[int]] = defaultdict(list)
        for number, brand in enumerate(brands):
            for account in dict.fromkeys(map(account_id, brand.accounts)):
                self._of_account[account].append(number)
        self._always: list[int] = []
        self._fields: dict[AnchorKind, dict[str, list[int]]] = {}
        literals: dict[str, dict[tuple[bool, bool], list[int]]] = defaultdict(lambda: defaultdict(list))
        for number, query in enumerate(self._queries):
            anchors = query.anchors()
            if anchors is None:
                self._always.append(number)
            for anchor in anchors or ():
                if anchor.kind == "text":
                    literals[anchor.literal][anchor.starts, anchor.ends].append(number)
                else:
                    self._look_up(anchor, number)
        self._automaton = ahocorasick.Automaton()
        for literal, wanted in literals.items():
            places = tuple((starts, ends, tuple(numbers)) for (starts, ends), numbers in wanted.items())
            self._automaton.add_word(literal, (len(literal), places))
        self._automaton.make_automaton()
        self._searches_text = bool(literals)

    def _look_up(self, anchor: Anchor, number: int) -> None:
        self._fields.setdefault(anchor.kind, {}).setdefault(anchor.literal, []).append(number)

    def match(self, post: Post) -> list[tuple[Brand, tuple[str, ...]]]:
        """Return the brands mentioned, in the order given, each with the terms found as they stand in the post.

        What is written to a brand's account is a mention of it whatever it says, for the reason `@network:handle`. A
        post by a brand's own account is not a mention of it.
        """
        document = analyse(post)
        candidates = self._candidates(document)
        asked = frozenset(self._asked(post.addressed))
        if not (candidates or asked):
            return []
        own = self._written_by(post)
        mentioned = []
        for number in sorted(candidates | asked):
            if number in own:
                continue
            matched = self._queries[number].match(document) if number in candidates else None
            if number in asked:
                matched = (written_to(post.addressed), *(matched or ()))
            if matched is not None:
                mentioned.append((self._brands[number], matched))
        return mentioned

    def owners(self, post: Post) -> list[Brand]:
        """Return the brands whose own account wrote the post, in the order given."""
        return [self._brands[number] for number in sorted(self._written_by(post))]

    def _asked(self, addressed: str) -> Sequence[int]:
        """Numbers of the brands whose account a post is written to."""
        return self._of_account.get(account_id(addressed), ()) if addressed else ()

    def _written_by(self, post: Post) -> set[int]:
        """Numbers of the brands whose own account wrote the post."""
        if not self._of_account:
            return set()
        return {number for account in post.accounts for number in self._of_account.get(account, ())}

    def _candidates(self, document: Document) -> set[int]:
        """Numbers of the brands with an anchor in the post."""
        candidates = set(self._always)
        if self._searches_text:
            folded = document.folded
            length = len(folded)
            for end, (size, places) in self._automaton.iter(folded):
                start = end - size
                inside = start >= 0 and folded[start].isalnum()
                open_ended = end + 1 < length and folded[end + 1].isalnum()
                for starts, ends, numbers in places:
                    if not (starts and inside) and not (ends and open_ended):
                        candidates.update(numbers)
        if self._fields:
            self._add_by_field(document, candidates)
        return candidates

    def _add_by_field(self, document: Document, candidates: set[int]) -> None:
        post = document.post
        lang = post.lang.casefold().replace("_", "-")
        values: dict[AnchorKind, tuple[str, ...]] = {
            "network": (post.network.casefold(),),
            "lang": (lang, lang.split("-")[0]),
            "kind": (post.kind,),
            "addressed": (post.addressed.casefold(), post.addressed.casefold().partition(":")[2]),
        }
        for kind, numbers in self._fields.items():
            for value in values.get(kind) or document.author_words:
                candidates.update(numbers.get(value, ()))


def _compile(brand: Brand) -> Query:
    try:
        return compile_query(brand.query)
    except QueryError as error:
        raise QueryError(
            f'The query of brand "{brand.name}": {error.message}', position=error.position, remedy=error.remedy
        ) from error
