"""What requests and responses hold. OpenAPI is made of these, and every response is checked against its own."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from tithe.log import Action
from tithe.store.rows import storable

ItemId = Annotated[str, Field(min_length=1, max_length=2_000), AfterValidator(storable)]
Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(storable)]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")  # a misspelt field is an error, not a silence


class _Out(BaseModel):
    model_config = ConfigDict(extra="allow")


class Spanned(BaseModel):
    """A labelled stretch of a text, in Unicode code points, end exclusive."""

    model_config = ConfigDict(extra="forbid")
    start: int = Field(ge=0)
    end: int = Field(ge=1)
    label: str


LabelJson = str | list[str] | list[Spanned]
"""A choice, a set of labels, or spans."""


class ProjectIn(_In):
    """A new project."""

    name: str = Field(min_length=1, max_length=200, description="Its id is made of it: small letters, digits, dashes.")
    task: str = Field("choice", max_length=100, description="choice, multilabel or spans.")
    labels: list[Annotated[str, Field(min_length=1, max_length=200)]] = Field(min_length=1, max_length=10_000)
    settings: dict[str, Any] = Field(default_factory=dict, description="As `PATCH /settings` takes them.")


class ProjectOut(_Out):
    """A project."""

    id: str
    name: str
    task: str
    labels: list[str]
    items: int
    settings: dict[str, Any]


class SuggestionOut(_Out):
    """What the model thinks of an item. `shown` says whether the confidence is above the project's threshold.

    The confidence is the probability that the whole label is right.
    """

    label: LabelJson
    confidence: float
    shown: bool | None = None


class ItemOut(_Out):
    """An item that is yours until `lease_until` (seconds since 1970)."""

    id: str
    text: str
    tokens: list[tuple[int, int]] | None = None
    proposal: int | None = None
    suggestion: SuggestionOut | None = None
    lease_until: float
    audit: bool = False


class NextOut(_Out):
    """Items to label; where there are none, `reason` says why."""

    items: list[ItemOut]
    reason: str | None


class AnnotationIn(_In):
    """An answer to one item."""

    item: ItemId
    action: Action = "label"
    label: LabelJson | None = Field(None, description="What it is; null for skip and reject.")
    flagged: bool = False
    comment: str = Field("", max_length=10_000)
    replaces: int | None = Field(
        None, ge=1, description="The annotation that this one corrects; kept is the one that stands when it comes."
    )
    proposal: int | None = Field(None, ge=1, description="The `proposal` that the item came with.")
    lead_s: float = Field(0.0, ge=0, le=1e7, allow_inf_nan=False, description="Seconds that it took.")


class AnnotationOut(_Out):
    """The number under which an answer is kept."""

    annotation: int


class HistoryOut(_Out):
    """One of your answers."""

    annotation: int
    item: str
    text: str
    action: Action
    label: LabelJson | None
    flagged: bool
    comment: str
    at: float
    standing: bool
    seconds: float


class LeasesIn(_In):
    """Items whose leases are renewed."""

    items: list[ItemId] = Field(max_length=1_000)


class ReleaseIn(_In):
    """Items to give back; null for all of yours."""

    items: list[ItemId] | None = Field(None, max_length=1_000)


class LeaseOut(_Out):
    """A lease of yours that holds."""

    item: str
    until: float


class LabelsIn(_In):
    """A label to add, or one to rename; renamed to one that there is, the two become one."""

    add: Name | None = None
    rename: Name | None = None
    to: Name | None = None


class FoundOut(_Out):
    """An item of a list."""

    id: str
    text: str
    state: str
    label: LabelJson | None = None
    suggestion: SuggestionOut | None = None


class FoundPage(_Out):
    """A part of a list: `more` says whether there is another behind it, `count` how many there are in all."""

    items: list[FoundOut]
    more: bool
    count: int


class SimilarOut(_Out):
    """An item and how alike it is, 1 for the same."""

    id: str
    text: str
    similarity: float
    state: str


class AddedOut(_Out):
    """What came of a file of new items."""

    added: int
    notes: list[str] = Field(description="What a person should know of the file.")


class AuditOut(_Out):
    """How many items are kept for the audit, and how many of them are answered."""

    reserved: int
    answered: int


class ServingOut(_Out):
    """The model in use. `score` is by cross-validation on the items asked; `measure` says what it counts."""

    version: int
    labels: int
    score: float | None
    measure: str | None


class TroubleOut(_Out):
    """The last thing that went wrong in the background."""

    at: float
    text: str


class SlowOut(_Out):
    """The slow model beside the fast one. `asking`: the questions that come now are its own."""

    trainer: str
    state: Literal["waiting", "learning", "reading"]
    detail: str
    progress: tuple[int, int] | None
    asking: bool
    version: int | None
    labels: int | None
    compared: dict[str, Any] | None = Field(description="The last comparison: answers held, and what each has right.")
    words: str


class StatusOut(_Out):
    """What the service is doing now."""

    items: int
    labelled: int
    skipped: int
    audit: AuditOut
    model: ServingOut | None
    serving: int | Literal["latest"]
    state: Literal["idle", "embedding", "training"]
    detail: str
    progress: tuple[int, int] | None
    embedded: int
    queue: int
    slow: SlowOut | None
    trouble: TroubleOut | None
    advice: str | None = None


class TroubleLong(_Out):
    """Something that went wrong in the background, with its traceback."""

    at: float
    what: str
    traceback: str


class ModelOut(_Out):
    """A version of the model; `score` and `measure` are as in the status."""

    version: int
    labels: int
    score: float | None
    measure: str | None
    at: float
    audit: dict[str, Any] | None
    on_disk: bool
    serving: bool
    trainer: str
    slow: bool


class ComparedOut(_Out):
    """Two versions on the same items, and those on which they differ."""

    a: int
    b: int
    n: int
    items: list[dict[str, Any]]


class PredictIn(_In):
    """Texts to label."""

    texts: list[Annotated[str, Field(max_length=100_000)]] = Field(min_length=1, max_length=1_000)
    model: int | None = Field(None, description="A version; null for the one in use.")
    labels: list[Name] | None = Field(
        None,
        max_length=1_000,
        description="Only these labels; null for all. The confidence is that of the whole answer.",
    )


class PredictionOut(_Out):
    """What the model says of one text. The confidence is the probability that the whole label is right."""

    label: LabelJson | None = None
    confidence: float | None = None
    scores: dict[str, float] | None = None
    spans: list[dict[str, Any]] | None = None


class PredictOut(_Out):
    """The predictions, in the order of the texts, and the version that made them."""

    model: int
    predictions: list[PredictionOut]


class HealthOut(_Out):
    """The service can be asked for items."""

    ready: Literal[True] = True
