"""`tocsin classify`: JSON lines in, the same lines judged out."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import msgspec

from domain.judgement import Judgeable, Judgement
from tocsin.cli.judging import classifier_options, language_of, open_classifier
from tocsin.cli.lines import BATCH, BadLine, Line, batches, complain, fields, text_field
from tocsin.cli.options import epilog

if TYPE_CHECKING:
    from domain.judgement import Classifier


class Question(NamedTuple):
    """A line that can be judged: its fields as written, and what the model is asked."""

    fields: dict[str, msgspec.Raw]
    asked: Judgeable


@click.command(
    "classify",
    epilog=epilog(
        """echo '{"text": "Aurora Air lost my bag again", "brand": "Aurora Air"}' | tocsin classify""",
        "tocsin classify < posts.jsonl > judged.jsonl",
        "tocsin classify --config tocsin.toml < posts.jsonl | jq -c 'select(.review != \"\")'",
    ),
)
@classifier_options
def command(**judging: Any) -> int:
    """Judge texts: JSON lines {text, brand?, lang?, id?} in, the same lines with sentiment, urgency and theme out.

    Order and all fields are kept; the answers are lang, sentiment, sentiment_scores, urgency, urgency_scores, theme,
    theme_scores, toxicity and review (why a person should look, or empty). A line that cannot be read is named on
    stderr, the rest goes on, and the exit code is 1.
    """
    from models.language import LanguageDetector

    classifier, detector = open_classifier(**judging), LanguageDetector()
    encoder, bad = msgspec.json.Encoder(), False
    for lines in batches(sys.stdin.buffer, BATCH):
        questions: list[Question] = []
        for line in lines:
            try:
                questions.append(_question(line, detector))
            except BadLine as error:
                complain(line, error)
                bad = True
        answers = _judge(classifier, questions)
        for question, answer in zip(questions, answers, strict=True):
            sys.stdout.buffer.write(encoder.encode(_merged(question, answer)) + b"\n")
        sys.stdout.buffer.flush()
    return 1 if bad else 0


def _question(line: Line, detector: Any) -> Question:
    found = fields(line)
    text = text_field(found, "text")
    lang = language_of(text, text_field(found, "lang", ""), detector)
    return Question(found, Judgeable(text=text, brand=text_field(found, "brand", ""), lang=lang))


def _judge(classifier: "Classifier", questions: Sequence[Question]) -> list[Judgement]:
    return classifier.classify([question.asked for question in questions]) if questions else []


def _merged(question: Question, answer: Judgement) -> dict[str, Any]:
    return {
        **question.fields,
        "lang": question.asked.lang,
        "sentiment": answer.sentiment,
        "sentiment_scores": answer.sentiment_scores,
        "urgency": answer.urgency,
        "urgency_scores": answer.urgency_scores,
        "theme": answer.theme,
        "theme_scores": answer.theme_scores,
        "toxicity": answer.toxicity,
        "review": answer.review,
    }
