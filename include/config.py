"""A pipeline file: the only file that a user writes.

`load_pipeline` reads one, `find_pipelines` all of a folder. A wrong file is refused with its name, the field, the value
and what is allowed.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from include.config_types import (
    PROJECT_ROOT as PROJECT_ROOT,  # noqa: PLC0414 - part of this module's interface, too
)
from include.config_types import (
    Identifier,
    Pattern,
    PatternOfBoth,
    Schedule,
    StageUrl,
    Weights,
    not_reserved,
)
from include.errors import ConfigError

PIPELINES_VARIABLE = "DRIFTGATE_PIPELINES"
STORE_VARIABLE = "DRIFTGATE_STORE"

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


class _Part(BaseModel):
    """A part of the file: frozen, and without room for a misspelt field."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class WarehouseConfig(_Part):
    """Where the tables of this pipeline are."""

    conn_id: str = "warehouse"
    """The Airflow connection to Snowflake, or to the embedded warehouse."""
    database: Identifier = "DRIFTGATE"
    """The database; `setup` makes it if it is not there."""
    schema_: Identifier | None = Field(default=None, alias="schema")
    """The schema, one per pipeline; by default the pipeline's name."""


class StageConfig(_Part):
    """A Snowflake stage with images."""

    name: Identifier
    """The stage's name in the pipeline's schema."""
    url: StageUrl | None = None
    """Where an external stage's files lie (file:// on the embedded warehouse); none: an internal stage."""


class StagesConfig(_Part):
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


class LabelsConfig(_Part):
    """How an image of the training stage gets its label; a row of LABELS wins over it."""

    from_path: PatternOfBoth = "^(?P<label>[^/]+)/"
    """A regular expression on the path, with a group called label."""

    @model_validator(mode="after")
    def _has_label_group(self) -> Self:
        if "label" not in re.compile(self.from_path).groupindex:
            raise ValueError(f"from_path needs a group (?P<label>…), {self.from_path!r} has none")
        return self


class SplitConfig(_Part):
    """Which images belong together when the data set is split."""

    group: Pattern | None = None
    """A regular expression on the path; images for which it matches the same text stay on one side."""


class PreprocessingConfig(_Part):
    """What is done to an image before the model sees it."""

    size: int = Field(default=96, ge=8, le=1024)
    """The side of the square that an image is resized to, in pixels."""


class ModelConfig(_Part):
    """What is trained."""

    architecture: Architecture = "small_cnn"
    """small_cnn (for images up to 96 px), or a torchvision architecture."""
    weights: Weights = "none"
    """What training starts from: none (random), DEFAULT (torchvision's, downloaded), or a safetensors file."""


class TrainingConfig(_Part):
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


class GateConfig(_Part):
    """What a challenger has to reach to become champion."""

    min_accuracy: float = Field(default=0.70, ge=0, le=1)
    """The least accuracy on the test images."""


class InferenceConfig(_Part):
    """How pending images are packed into tasks."""

    batch_size: int = Field(default=2048, ge=1, le=100_000)
    """Images in one batch, as long as that makes no more than max_tasks batches."""
    max_tasks: int | None = Field(default=None, ge=1, le=128)
    """The most batches in one run; by default the cores of the machine that plans."""


class StoreConfig(_Part):
    """Where decoded pixels and models in work lie; each task must see the same."""

    url: str | None = None
    """A folder (read from the project's root) or an fsspec URL; by default DRIFTGATE_STORE, else .local/store."""


class PipelineConfig(_Part):
    """A classifier: where its images are, how it is trained, and what it must reach."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
    """The pipeline's name: the prefix of its DAGs."""
    warehouse: WarehouseConfig = WarehouseConfig()
    stages: StagesConfig
    labels: LabelsConfig = LabelsConfig()
    split: SplitConfig = SplitConfig()
    preprocessing: PreprocessingConfig = PreprocessingConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()
    gate: GateConfig = GateConfig()
    inference: InferenceConfig = InferenceConfig()
    store: StoreConfig = StoreConfig()
    schedule: Schedule | None = "@hourly"
    """When inference runs: a cron expression, an Airflow preset, or null for only when it is triggered."""

    @model_validator(mode="after")
    def _schema_is_an_identifier(self) -> Self:
        not_reserved(self.schema_name)
        return self

    @model_validator(mode="after")
    def _small_cnn_starts_from_nothing_that_torchvision_has(self) -> Self:
        if self.model.architecture == "small_cnn" and self.model.weights == "DEFAULT":
            raise ValueError("model.weights: torchvision has no DEFAULT weights for small_cnn; use none or a file")
        return self

    @model_validator(mode="after")
    def _small_cnn_is_for_small_images(self) -> Self:
        if self.model.architecture == "small_cnn" and self.preprocessing.size > SMALL_CNN_MAX_SIZE:
            raise ValueError(
                f"small_cnn is for images up to {SMALL_CNN_MAX_SIZE} px, preprocessing.size is "
                f"{self.preprocessing.size}: choose a torchvision architecture (resnet18, …) or a smaller size"
            )
        return self

    @property
    def schema_name(self) -> str:
        """The schema that holds this pipeline's tables."""
        return self.warehouse.schema_ or self.name.upper()

    @property
    def store_url(self) -> str:
        """The root of this pipeline's files."""
        root = self.store.url or os.environ.get(STORE_VARIABLE) or ".local/store"
        if "://" not in root:
            root = str(PROJECT_ROOT / root)
        return f"{root.rstrip('/')}/{self.name}"

    def to_json(self) -> str:
        """Return the resolved config in its one canonical form (sorted keys, no spaces)."""
        return json.dumps(self.model_dump(mode="json", by_alias=True), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Rebuild a config from `to_json`'s text."""
        return cls.model_validate_json(text)

    @property
    def digest(self) -> str:
        """The SHA-256 of the canonical form."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def with_training(self, overrides: Mapping[str, Any]) -> Self:
        """Return this config with fields of `training` overridden for one run.

        Args:
            overrides: Fields of `TrainingConfig`; None leaves a field as it is.

        Raises:
            ConfigError: A value is not allowed, or there is no such field.
        """
        changes = {field: value for field, value in overrides.items() if value is not None}
        try:
            training = TrainingConfig.model_validate({**self.training.model_dump(), **changes})
        except ValidationError as error:
            raise ConfigError(f"run parameters of {self.name}: {_explain(error, prefix='training')}") from error
        return self.model_copy(update={"training": training})


class BrokenPipeline(NamedTuple):
    """A pipeline file that was refused."""

    path: Path
    reason: str


def pipelines_folder() -> Path:
    """Return the folder of the pipeline files: DRIFTGATE_PIPELINES, or pipelines/ of the project."""
    return Path(os.environ.get(PIPELINES_VARIABLE) or PROJECT_ROOT / "pipelines")


def load_pipeline(path: Path) -> PipelineConfig:
    """Read one pipeline file.

    Raises:
        ConfigError: The file is not there, is not YAML, or a field is wrong; the message names file, field, value and
            what is allowed.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not YAML: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: should hold fields like 'name: clothing', holds {type(content).__name__}")
    try:
        return PipelineConfig.model_validate(content)
    except ValidationError as error:
        raise ConfigError(f"{path}: {_explain(error)}") from error


def find_pipelines(folder: Path | None = None) -> Iterator[PipelineConfig | BrokenPipeline]:
    """Read every pipeline file of a folder, sorted by file name; a wrong one does not keep the others from loading."""
    folder = folder or pipelines_folder()
    names: dict[str, Path] = {}
    schemas: dict[tuple[str, str], Path] = {}
    for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
        try:
            config = load_pipeline(path)
        except ConfigError as error:
            yield BrokenPipeline(path, str(error))
            continue
        schema = (config.warehouse.database, config.schema_name)
        if config.name in names:
            yield BrokenPipeline(path, f"{path}: name: {config.name!r} is taken by {names[config.name]}")
        elif schema in schemas:
            yield BrokenPipeline(
                path, f"{path}: warehouse.schema: {'.'.join(schema)} is taken by {schemas[schema]}; each needs its own"
            )
        else:
            names[config.name] = schemas[schema] = path
            yield config


def load_pipeline_named(name: str, folder: Path | None = None) -> PipelineConfig:
    """Return the pipeline with this name.

    Raises:
        ConfigError: No file has this name, or the one that has is wrong.
    """
    folder = folder or pipelines_folder()
    found = list(find_pipelines(folder))
    for pipeline in found:
        if isinstance(pipeline, PipelineConfig) and pipeline.name == name:
            return pipeline
    for pipeline in found:
        if isinstance(pipeline, BrokenPipeline) and pipeline.path.stem == name:
            raise ConfigError(pipeline.reason)
    names = ", ".join(p.name for p in found if isinstance(p, PipelineConfig)) or "none"
    raise ConfigError(f"there is no pipeline {name!r} in {folder}; there are: {names}")


def _explain(error: ValidationError, prefix: str = "") -> str:
    """Put pydantic's findings into one line each: field, what is allowed, and the value that was found."""
    findings = []
    for finding in error.errors(include_url=False):
        field = ".".join(str(part) for part in (prefix, *finding["loc"]) if part != "") or "the file"
        message = finding["msg"].removeprefix("Value error, ")
        if finding["type"] == "extra_forbidden":
            findings.append(f"{field}: there is no such field")
        elif finding["type"] == "missing":
            findings.append(f"{field}: is required")
        elif isinstance(finding["input"], str | int | float | bool | None):
            findings.append(f"{field}: {message}, got {finding['input']!r}")
        else:
            findings.append(f"{field}: {message}")
    return "; ".join(findings)
