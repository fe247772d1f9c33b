"""Why a mention is judged as it is: what the console and the command line ask."""

from domain.explanation import Explanation
from domain.judgement import Classifier
from domain.mention import Mention
from models.explanation import explain
from processors.classify import question


def explain_mention(mention: Mention, *, classifier: Classifier) -> Explanation:
    """Judge the mention anew, with and without its words; blocking, some two hundred texts for a long one."""
    return explain(question(mention), classifier=classifier)
