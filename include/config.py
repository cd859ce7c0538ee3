"""A pipeline file: the only file that a user writes.

`load_pipeline` reads one, `find_pipelines` all of a folder. A wrong file is refused with its name, the field, the value
and what is allowed.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Self

import yaml
from pydantic import StringConstraints, ValidationError, model_validator

from include.config_parts import (
    SMALL_CNN_MAX_SIZE,
    AccountConfig,
    ApproversConfig,
    DriftConfig,
    GateConfig,
    ImagesConfig,
    InferenceConfig,
    LabelsConfig,
    ModelConfig,
    NotifyConfig,
    Part,
    PreprocessingConfig,
    PromotionConfig,
    RegistryConfig,
    RetrainingConfig,
    SplitConfig,
    StagesConfig,
    StoreConfig,
    TrainingConfig,
    WarehouseConfig,
)
from include.config_types import (
    PROJECT_ROOT as PROJECT_ROOT,  # noqa: PLC0414 - part of this module's interface, too
)
from include.config_types import Schedule, not_reserved
from include.errors import ConfigError, UnknownPipelineError

PIPELINES_VARIABLE = "DRIFTGATE_PIPELINES"
STORE_VARIABLE = "DRIFTGATE_STORE"
MODEL_REGISTRY_VARIABLE = "DRIFTGATE_SNOWFLAKE_ML_PYTHON"

POLICY_PARTS = ("drift", "promotion", "retraining", "images")
"""The parts of a pipeline file that say what is alarmed about, and what follows."""


class PipelineConfig(Part):
    """A classifier: where its images are, how it is trained, and what it must reach."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
    """The pipeline's name: the prefix of its DAGs."""
    warehouse: WarehouseConfig = WarehouseConfig()
    account: AccountConfig = AccountConfig()
    stages: StagesConfig
    labels: LabelsConfig = LabelsConfig()
    split: SplitConfig = SplitConfig()
    images: ImagesConfig = ImagesConfig()
    preprocessing: PreprocessingConfig = PreprocessingConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()
    gate: GateConfig = GateConfig()
    inference: InferenceConfig = InferenceConfig()
    drift: DriftConfig = DriftConfig()
    retraining: RetrainingConfig = RetrainingConfig()
    promotion: PromotionConfig = PromotionConfig()
    registry: RegistryConfig = RegistryConfig()
    approvers: ApproversConfig = ApproversConfig()
    notify: NotifyConfig = NotifyConfig()
    store: StoreConfig = StoreConfig()
    schedule: Schedule | None = "@hourly"
    """When inference runs: a cron expression, an Airflow preset, or null for only when it is triggered."""

    @model_validator(mode="after")
    def _schema_is_an_identifier(self) -> Self:
        not_reserved(self.schema_name)
        return self

    @model_validator(mode="after")
    def _integrations_can_be_made(self) -> Self:
        fields = {"s3": "aws_role", "s3gov": "aws_role", "azure": "azure_tenant"}
        for stage in (self.stages.training, self.stages.incoming):
            field = fields.get((stage.url or "").partition("://")[0])
            makes_it = stage.integration is not None and self.account.integrations == "made"
            if makes_it and field is not None and getattr(self.account, field) is None:
                raise ValueError(
                    f"account.{field} is what setup makes the integration {stage.integration} with; if it is there "
                    "already, say account.integrations: given"
                )
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

    def with_strategy(self, strategy: str | None) -> Self:
        """Return this config with another `model.strategy` for one run.

        Args:
            strategy: The strategy; None leaves it as it is.

        Raises:
            ConfigError: There is no such strategy.
        """
        if strategy is None:
            return self
        try:
            model = ModelConfig.model_validate({**self.model.model_dump(), "strategy": strategy})
        except ValidationError as error:
            raise ConfigError(f"run parameters of {self.name}: {_explain(error, prefix='model')}") from error
        return self.model_copy(update={"model": model})


class BrokenPipeline(NamedTuple):
    """A pipeline file that was refused."""

    path: Path
    reason: str


def pipelines_folder() -> Path:
    """Return the folder of the pipeline files: DRIFTGATE_PIPELINES, or pipelines/ of the project."""
    return Path(os.environ.get(PIPELINES_VARIABLE) or PROJECT_ROOT / "pipelines")


def model_registry_python() -> Path:
    """Return the python with snowflake-ml-python: DRIFTGATE_SNOWFLAKE_ML_PYTHON, or that of `make snowflake-ml`."""
    return Path(os.environ.get(MODEL_REGISTRY_VARIABLE) or PROJECT_ROOT / ".venv-snowflake-ml" / "bin" / "python")


def load_pipeline(path: Path) -> PipelineConfig:
    """Read one pipeline file.

    Raises:
        ConfigError: The file is not there, is not YAML, or a field is wrong; the message names file, field, value and
            what is allowed.
    """
    content = _read_fields(path, example="name: clothing")
    try:
        return PipelineConfig.model_validate(content)
    except ValidationError as error:
        raise ConfigError(f"{path}: {_explain(error)}") from error


def load_policy(path: Path, config: PipelineConfig) -> PipelineConfig:
    """Return a pipeline with another policy: the parts `POLICY_PARTS`, from a file that holds fields of nothing else.

    What the file does not name stays as it is in the pipeline.

    Args:
        path: The file.
        config: The pipeline.

    Raises:
        ConfigError: As for `load_pipeline`, or the file names another part.
    """
    parts = config.model_dump(mode="json", by_alias=True)
    for name, fields in _read_fields(path, example="drift: {window: 500}").items():
        if name not in POLICY_PARTS:
            raise ConfigError(f"{path}: {name}: is no part of a policy, which has {', '.join(POLICY_PARTS)}")
        if not isinstance(fields, dict):
            raise ConfigError(f"{path}: {name}: should hold fields, holds {type(fields).__name__}")
        parts[name] = parts[name] | fields
    try:
        return PipelineConfig.model_validate(parts)
    except ValidationError as error:
        raise ConfigError(f"{path}: {_explain(error)}") from error


def _read_fields(path: Path, *, example: str) -> dict[Any, Any]:
    """Return the fields of a YAML file."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not YAML: {_without_content(error)}") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: should hold fields like '{example}', holds {type(content).__name__}")
    return content


def _without_content(error: yaml.YAMLError | UnicodeDecodeError) -> str:
    """Return what is wrong and where, without the line itself: there may be a secret in it."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return str(error)
    return f"{error.problem}, line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}"


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
        UnknownPipelineError: No file has this name.
        ConfigError: The file that has it is wrong.
    """
    folder = folder or pipelines_folder()
    found = list(find_pipelines(folder))
    for pipeline in found:
        if isinstance(pipeline, PipelineConfig) and pipeline.name == name:
            return pipeline
    for pipeline in found:
        if isinstance(pipeline, BrokenPipeline) and pipeline.path.stem == name:
            raise ConfigError(pipeline.reason)
    names = [p.name for p in found if isinstance(p, PipelineConfig)]
    meant = " or ".join(map(repr, get_close_matches(name, names, n=2, cutoff=0.7)))
    hint = f"did you mean {meant}?" if meant else f"there are: {', '.join(names) or 'none'}"
    raise UnknownPipelineError(f"there is no pipeline {name!r} in {folder}; {hint}")


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
        elif field == "notify" or field.startswith("notify.urls"):  # there may be a secret in it
            findings.append(f"{field}: {message}")
        elif isinstance(finding["input"], str | int | float | bool | None):
            findings.append(f"{field}: {message}, got {finding['input']!r}")
        else:
            findings.append(f"{field}: {message}")
    return "; ".join(findings)
