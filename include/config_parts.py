"""The parts of a pipeline file: a class each, with what its fields mean and may hold."""

import re
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from include.config_types import (
    AwsRole,
    AzureTenant,
    Email,
    Identifier,
    NotifyUrl,
    Pattern,
    PatternOfBoth,
    StagePrefix,
    StageUrl,
    UserName,
    Weights,
)

OWN_STAGES = ("MODELS", "WORK")
"""The internal stages that each pipeline has: its models' files, and rows on their way into tables."""

SMALL_CNN_MAX_SIZE = 96
"""The largest image side, in pixels, that the small CNN is made for."""

Architecture = Literal[
    "small_cnn",
    "resnet18",
    "resnet34",
    "resnet50",
    "mobilenet_v3_small",
    "mobilenet_v3_large",
    "efficientnet_b0",
    "efficientnet_v2_s",
    "convnext_tiny",
]


Strategy = Literal["scratch", "warm", "head"]


class Part(BaseModel):
    """A part of the file: frozen, and without room for a misspelt field."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class WarehouseConfig(Part):
    """Where the tables of this pipeline are."""

    conn_id: str = "warehouse"
    """The Airflow connection to Snowflake, or to the embedded warehouse."""
    database: Identifier = "DRIFTGATE"
    """The database; `setup` makes it if it is not there."""
    schema_: Identifier | None = Field(default=None, alias="schema")
    """The schema, one per pipeline; by default the pipeline's name."""
    compute: Identifier = "DRIFTGATE"
    """The virtual warehouse that computes, unless the connection names one; `setup` makes it if it is not there."""


class StageConfig(Part):
    """A Snowflake stage with images."""

    name: Identifier
    """The stage's name in the pipeline's schema."""
    url: StageUrl | None = None
    """Where an external stage's files lie (file:// on the embedded warehouse); none: an internal stage."""
    prefix: StagePrefix = ""
    """The folder below the stage that holds this pipeline's images; what lies beside it is neither listed nor used."""
    integration: Identifier | None = None
    """The storage integration by which Snowflake reaches the URL; none for a bucket that anybody may read."""

    @model_validator(mode="after")
    def _integration_of_a_url(self) -> Self:
        if self.integration is not None and (self.url is None or self.url.startswith("file://")):
            raise ValueError(
                f"integration {self.integration} is for a bucket's url, {self.name} has {self.url or 'none'}"
            )
        return self


class StagesConfig(Part):
    """The two stages of a pipeline."""

    training: StageConfig
    """Labelled images."""
    incoming: StageConfig
    """Images to classify."""

    @model_validator(mode="after")
    def _two_stages(self) -> Self:
        for stage in (self.training, self.incoming):
            if stage.name in OWN_STAGES:
                raise ValueError(f"{stage.name} is the name of a stage that Driftgate makes for itself")
        if self.training.name == self.incoming.name:
            raise ValueError(f"training and incoming must be two stages, both are {self.training.name}")
        return self


class AccountConfig(Part):
    """What `setup` makes in a Snowflake account beside the schema."""

    admin_role: Identifier = "ACCOUNTADMIN"
    """The role that makes roles, integrations, the database and the virtual warehouse."""
    integrations: Literal["made", "given"] = "made"
    """Whether `setup` makes the storage integrations that the stages name, or finds them there."""
    aws_role: AwsRole | None = None
    """The IAM role with which the integrations that `setup` makes read from S3."""
    azure_tenant: AzureTenant | None = None
    """The tenant in which the integrations that `setup` makes read from Azure."""
    alert_emails: tuple[Email, ...] | None = None
    """Whom Snowflake itself mails when no drift check arrives: verified addresses of the account's users. Null: those
    of `notify.emails`; none: there is no such alert."""


class LabelsConfig(Part):
    """How an image of the training stage gets its label; a row of LABELS wins over it."""

    from_path: PatternOfBoth = "^(?P<label>[^/]+)/"
    """A regular expression on the path below the stage's prefix, with a group called label."""

    @model_validator(mode="after")
    def _has_label_group(self) -> Self:
        if "label" not in re.compile(self.from_path).groupindex:
            raise ValueError(f"from_path needs a group (?P<label>…), {self.from_path!r} has none")
        return self


class SplitConfig(Part):
    """Which images belong together when the data set is split."""

    group: Pattern | None = None
    """A regular expression on the path; images for which it matches the same text stay on one side."""


class PreprocessingConfig(Part):
    """What is done to an image before the model sees it."""

    size: int = Field(default=96, ge=8, le=1024)
    """The side of the square that an image is resized to, in pixels."""
    jpeg_detail: Literal[1, 2] = 2
    """A JPEG is decoded at 1/2, 1/4 or 1/8 of its size where it then still is so many times as large as the square."""


class ModelConfig(Part):
    """What is trained."""

    architecture: Architecture = "small_cnn"
    """small_cnn (for images up to 96 px), or a torchvision architecture."""
    weights: Weights = "none"
    """What training starts from: none (random), DEFAULT (torchvision's, downloaded), or a safetensors file."""
    strategy: Strategy = "scratch"
    """How much is trained anew: everything (scratch), everything but briefly and from the champion's weights (warm), or
    only the last layer, on what the champion sees in the images (head). Without a champion that fits: everything."""


class TrainingConfig(Part):
    """How it is trained; each field can be overridden for one run."""

    n_epochs: int = Field(default=25, ge=1, le=1000)
    """How often training goes over all images."""
    batch_size: int = Field(default=64, ge=2, le=4096)
    """Images in one step."""
    base_lr: float = Field(default=0.003, gt=0, le=1)
    """The peak learning rate."""
    downsample_to: float = Field(default=1.0, gt=0, le=1)
    """The share of the training images that is used, the same share of each class."""
    horizontal_flip: bool = True
    """Whether a mirrored image is still of its class: true of garments, not of digits."""


class GateConfig(Part):
    """What a challenger has to reach to become champion."""

    min_accuracy: float = Field(default=0.70, ge=0, le=1)
    """The least accuracy on the test images."""
    max_accuracy_drop: float = Field(default=0.01, ge=0, lt=1)
    """How much less accurate than the champion it may be; refused when the test images show more."""
    max_class_recall_drop: float = Field(default=0.10, ge=0, lt=1)
    """How much of its recall any class of the champion may lose; refused when the test images show more."""
    min_recall: float = Field(default=0.50, ge=0, le=1)
    """The least recall of a class that the champion does not have."""


class DriftConfig(Part):
    """When the confidences in production no longer look like those of the day the model was accepted."""

    window: int = Field(default=200, ge=20, le=1_000_000)
    """How many new answers of the champion a verdict needs; with fewer, they wait for the next run."""
    false_alarm_rate: float = Field(default=0.01, ge=0.0001, le=0.2)
    """The share of windows without drift that may alarm."""
    min_distance: float = Field(default=0.1, ge=0, le=10)
    """The least Wasserstein-1 distance of confidences, in standard deviations of the baseline, worth an alarm."""
    min_accuracy_drop: float = Field(default=0.06, ge=0, le=1)
    """The least fall of the accuracy, estimated or measured on labels, that is worth acting on."""
    min_image_jump: float = Field(default=2.0, ge=0.1, le=100)
    """From how many standard deviations of the baseline on another look of the images means that they are broken."""
    alarms: int = Field(default=2, ge=1, le=20)
    """How many of the last `of_windows` windows have to alarm before anything is done; one at twice its threshold
    suffices."""
    of_windows: int = Field(default=3, ge=1, le=20)
    """How many windows `alarms` looks at, this one among them."""

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.alarms > self.of_windows:
            raise ValueError(
                f"alarms is {self.alarms} of the last {self.of_windows} windows: of_windows must be at least that"
            )
        return self


class RetrainingConfig(Part):
    """What follows from drift."""

    mode: Literal["automatic", "approval", "alert_only"] = "approval"
    """Train at once, train when a person has approved it, or only tell."""
    cooldown_hours: float = Field(default=24, ge=0, le=8760)
    """How long after one request there is no other, whatever became of it."""
    weekly_budget: int = Field(default=3, ge=0, le=1000)
    """How many requests there may be in seven days."""
    min_new_labels: int = Field(default=50, ge=1)
    """How many labelled images, which the champion has not seen, retraining needs; with fewer, labels are asked for."""
    label_requests: int = Field(default=100, ge=1, le=1000)
    """How many images a person is asked to label when there are too few labels; three in ten are picked at random."""
    response_hours: float = Field(default=72, gt=0, le=8760)
    """How long a request waits for its approval; silence is a rejection."""


class PromotionConfig(Part):
    """What a challenger that has passed the gate still has to go through."""

    approval: bool = False
    """Whether a person is asked before a challenger that has passed the gate becomes champion."""
    response_hours: float = Field(default=72, gt=0, le=8760)
    """How long that request waits for its answers; silence is a rejection."""
    probation_windows: int = Field(default=1, ge=0, le=20)
    """Of so many first windows one that the version before answers better rolls a new champion back; 0: none does."""


class Approver(Part):
    """A user of Airflow; in a pipeline file a name alone will do where users are known by it."""

    id: UserName
    """What Airflow's auth manager calls the user: the name, or (of the FAB auth manager) a number in quotes."""
    name: UserName
    """What Airflow shows, and notes of those who trigger runs."""

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, value: object) -> object:
        return {"id": value, "name": value} if isinstance(value, str) else value


class ApproversConfig(Part):
    """Who may answer a request, for a retraining or for a promotion."""

    users: tuple[Approver, ...] = ()
    """Who counts, whoever has triggered the run excepted; nobody named: anybody who may answer in Airflow counts."""
    n_needed: int = Field(default=1, ge=1, le=10)
    """How many of them have to approve, one after the other; the first rejection ends it."""

    @model_validator(mode="after")
    def _enough_distinct_users(self) -> Self:
        for known_by in ("id", "name"):
            found = [getattr(user, known_by) for user in self.users]
            twice = sorted({one for one in found if found.count(one) > 1})
            if twice:
                raise ValueError(f"users must be different people, twice there is the {known_by} {', '.join(twice)}")
        if self.n_needed > max(1, len(self.users)):
            raise ValueError(f"n_needed is {self.n_needed}: users must name at least so many, not {len(self.users)}")
        return self


class NotifyConfig(Part):
    """Who is told."""

    emails: tuple[Email, ...] = ()
    """Who gets the mails; nobody: none is sent."""
    urls: tuple[NotifyUrl, ...] = ()
    """Where else alerts go, as Apprise's URLs (slack://…, msteams://…, json://…); env:NAME is read from the environment
    of the task that delivers."""
    smtp_conn_id: str = "smtp_default"
    """The Airflow connection to the SMTP server."""


class ImagesConfig(Part):
    """What is held of images that cannot be decoded."""

    max_bad_fraction: float = Field(default=0.1, ge=0, le=1)
    """The share of undecodable images above which a run stops: then it is the images that are broken, not a few files.

    Fewer than five never stop a run. The share is of the images that an inference run takes up, or of the snapshot that
    a training run trains on.
    """


class InferenceConfig(Part):
    """How pending images are packed into tasks."""

    batch_size: int = Field(default=2048, ge=1, le=100_000)
    """Images in one batch, as long as that makes no more than max_tasks batches."""
    max_tasks: int | None = Field(default=None, ge=1, le=128)
    """The most batches in one run; by default DRIFTGATE_MAX_TASKS, else the cores of the machine that plans."""
    rescore_on_promotion: Literal["none", "window", "all"] = "none"
    """Which images that an earlier version has answered a new champion answers, too: those of the window whose drift it
    was trained for, or all."""
    keep_features: bool = True
    """Whether what the network sees in an image is kept beside its pixels (4 kB an image at most): a version with the
    same backbone, after a `head` training or a rollback, then answers it without the network."""


class StoreConfig(Part):
    """Where decoded pixels and models in work lie; each task must see the same."""

    url: str | None = None
    """A folder (read from the project's root) or an fsspec URL; by default DRIFTGATE_STORE, else .local/store."""
    keep_days: float = Field(default=30, gt=0, le=36_500)
    """How long `prune` keeps what only gone or old images use, and what ended runs have left; never less than a day."""
    max_gb: float | None = Field(default=None, gt=0)
    """The most gigabytes (10^9 bytes) that `prune` leaves, as far as what is in use allows; null: no limit."""
