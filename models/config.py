"""What the configuration says of models that answer a task instead of the shipped one."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationInfo, field_validator, model_validator

from domain.judgement import SENTIMENTS, SUPPORTED_LANGUAGES, THEMES, URGENCIES

Task = Literal["sentiment", "urgency", "theme"]
LABELS: dict[Task, tuple[str, ...]] = {"sentiment": SENTIMENTS, "urgency": URGENCIES, "theme": THEMES}
"""What each task can be answered with."""


class HubConfig(BaseModel):
    """A Hugging Face sequence-classification model that answers one task; the shipped model answers the others."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"oneOf": [{"required": ["path"]}, {"required": ["id"]}]},
    )

    task: Task = Field(description="What it answers: sentiment, urgency or theme.")
    path: Path | None = Field(None, description="Folder of the model; nothing but local files is read.")
    id: str | None = Field(
        None,
        pattern=r"^[\w.-]+(/[\w.-]+)?$",
        description="Name on the Hugging Face hub, `owner/name`; fetched from there when it is not on this machine.",
    )
    revision: str = Field(
        "main", min_length=1, description="Branch, tag or commit of `id`; a commit never changes under your feet."
    )
    labels: dict[str, str] = Field(
        {},
        description="The model's labels and what each means here; default: the model's labels are the task's own.",
    )
    languages: tuple[Annotated[str, StringConstraints(pattern="^[a-z]{2,3}$")], ...] = Field(
        SUPPORTED_LANGUAGES, min_length=1, description="Languages it reads; a text in another is left `unscored`."
    )
    brand: Literal["ignored", "pair"] = Field(
        "ignored", description="`pair` gives it the brand as the second text, for a model that was trained so."
    )

    @field_validator("labels")
    @classmethod
    def _labels_belong_to_the_task(cls, labels: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        known = LABELS.get(info.data.get("task", ""))
        wrong = [f'{label} = "{meant}"' for label, meant in labels.items() if known and meant not in known]
        if wrong:
            raise ValueError(f"{', '.join(wrong)}: a {info.data['task']} is one of {', '.join(known or ())}")
        return labels

    @model_validator(mode="after")
    def _it_is_in_one_place(self) -> Self:
        if (self.path is None) == (self.id is None):
            raise ValueError('is found in one place: write path = "folder", or id = "owner/name" for the hub')
        if self.path and "revision" in self.model_fields_set:
            raise ValueError("has a revision, which only what is fetched by id has: take it out")
        return self

    @property
    def place(self) -> str:
        """Where the model is, for a person."""
        return str(self.path or self.id)
