"""A model as files: weights and projection as safetensors, a card as JSON, verified by digest at every load.

The ledger holds the digest of the card, the card those of the other files. Nothing is ever unpickled.
"""

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import safetensors
import safetensors.torch
import torch
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from torch import Tensor, nn

from include.config_parts import PreprocessingConfig
from include.errors import ArtefactError, ModelError
from include.models.architectures import build, last_linear
from include.models.artefact_files import CARD_FILE, PROJECTION_FILE, WEIGHTS_FILE
from include.models.compute import IMAGENET, Normalisation
from include.models.features import FeatureProjection
from include.store.files import FileStore, sha256_of_bytes

log = logging.getLogger(__name__)

_MEAN, _COMPONENTS = "mean", "components"

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class ModelCard(BaseModel):
    """What must be known of a model to use it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format_version: Literal[1] = 1
    architecture: str
    classes: tuple[str, ...]
    """In the order of the logits."""
    preprocessing: PreprocessingConfig
    preprocessing_digest: str
    normalisation: Normalisation = IMAGENET
    temperature: float = Field(gt=0, allow_inf_nan=False)
    weights_sha256: Sha256
    features_sha256: Sha256 | None = None
    """Of the projection's file; None: the model gives no features."""
    snapshot_id: str
    """The data set it was trained on."""
    n_parameters: int
    created_by: dict[str, str]
    """The versions of what made it, by name."""

    def to_json(self) -> bytes:
        """Return the card in its one canonical form (sorted keys, no spaces, UTF-8)."""
        card = self.model_dump(mode="json")
        return json.dumps(card, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class SavedArtefact(NamedTuple):
    """A model's files."""

    folder: Path
    card_sha256: str
    """What the ledger keeps, and `load` asks for."""
    weights_sha256: str


class LoadedModel(NamedTuple):
    """A model that is what the ledger says."""

    card: ModelCard
    model: nn.Module
    """On the CPU, in evaluation mode."""
    projection: FeatureProjection | None = None
    """None: the model gives no features."""


def save(
    folder: Path,
    model: nn.Module,
    *,
    architecture: str,
    classes: Sequence[str],
    preprocessing: PreprocessingConfig,
    preprocessing_digest: str,
    temperature: float,
    snapshot_id: str,
    projection: FeatureProjection | None = None,
) -> SavedArtefact:
    """Write a model's weights, projection and card into a folder; each file is whole or not there.

    Args:
        folder: Where to; it is made if it is not there.
        model: What `architectures.build` made, trained.
        architecture: The name it was built by.
        classes: The names of the classes, in the order of the logits.
        preprocessing: How its images were made.
        preprocessing_digest: The digest of that.
        temperature: From `calibration.fit_temperature`.
        snapshot_id: The data set it was trained on.
        projection: What its features are projected by, if it is to give any.

    Raises:
        StoreError: A file cannot be written.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    weights = safetensors.torch.save(tensors)
    features = _projection_bytes(projection) if projection else None
    card = ModelCard(
        architecture=architecture,
        classes=tuple(classes),
        preprocessing=preprocessing,
        preprocessing_digest=preprocessing_digest,
        temperature=temperature,
        weights_sha256=sha256_of_bytes(weights),
        features_sha256=sha256_of_bytes(features) if features else None,
        snapshot_id=snapshot_id,
        n_parameters=sum(parameter.numel() for parameter in model.parameters()),
        created_by={"torch": torch.__version__, "safetensors": safetensors.__version__},
    )
    content = card.to_json()
    files = FileStore(str(folder))
    files.write(WEIGHTS_FILE, weights)
    if features:
        files.write(PROJECTION_FILE, features)
    files.write(CARD_FILE, content)
    return SavedArtefact(folder, card_sha256=sha256_of_bytes(content), weights_sha256=card.weights_sha256)


def load(folder: Path, *, sha256: str, prefix: str = "") -> LoadedModel:
    """Read a model, verifying each file before anything is made of it.

    Args:
        folder: The folder with card, weights, and the projection if the card names one.
        sha256: The digest of the card that the ledger holds.
        prefix: What the files' names begin with, in a folder with the files of other models.

    Raises:
        ArtefactError: A file is missing, is not the one that the digest names, or does not make a model.
    """
    card_path = folder / f"{prefix}{CARD_FILE}"
    card = _parse_card(card_path, _read_verified(card_path, sha256))
    path = folder / f"{prefix}{WEIGHTS_FILE}"
    # verified and parsed from the same bytes: the file may change in between
    tensors = _parse_tensors(path, _read_verified(path, card.weights_sha256))
    with torch.random.fork_rng(devices=[]):  # the weights it is built with are drawn and thrown away
        try:
            model = build(card.architecture, n_classes=len(card.classes))
        except ModelError as error:
            raise ArtefactError(f"{card_path}: {error}") from error
    _check_tensors(path, model.state_dict(), tensors)
    model.load_state_dict(tensors)
    projection = None
    if card.features_sha256 is not None:
        projection = _read_projection(folder / f"{prefix}{PROJECTION_FILE}", card.features_sha256, model)
    return LoadedModel(card, model.eval(), projection)


def _projection_bytes(projection: FeatureProjection) -> bytes:
    return safetensors.torch.save(
        {_MEAN: torch.from_numpy(projection.mean), _COMPONENTS: torch.from_numpy(projection.components)}
    )


def _read_projection(path: Path, sha256: str, model: nn.Module) -> FeatureProjection:
    tensors = _parse_tensors(path, _read_verified(path, sha256))
    n_outputs = last_linear(model).in_features
    shapes = {name: list(tensor.shape) for name, tensor in tensors.items()}
    if shapes.keys() != {_MEAN, _COMPONENTS} or [shapes[_MEAN], shapes[_COMPONENTS][:-1]] != [[n_outputs]] * 2:
        raise ArtefactError(
            f"{path}: expected the projection of {n_outputs} outputs ({_MEAN}, {_COMPONENTS}), found {shapes}: it was "
            f"made for another model; register the model again"
        )
    return FeatureProjection(mean=tensors[_MEAN].numpy(), components=tensors[_COMPONENTS].numpy())


def _read_verified(path: Path, expected: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ArtefactError(
            f"{path}: cannot be read ({error.strerror}): fetch the model's files from the stage MODELS again"
        ) from error
    found = sha256_of_bytes(content)
    if found != expected:
        raise ArtefactError(
            f"{path}: expected SHA-256 {expected}, found {found}: it was changed or torn since it was registered; "
            f"fetch it from the stage MODELS again, or roll back to another version"
        )
    return content


def _parse_card(path: Path, content: bytes) -> ModelCard:
    try:
        return ModelCard.model_validate_json(content)
    except ValidationError as error:
        findings = "; ".join(
            f"{'.'.join(map(str, finding['loc'])) or 'the file'}: {finding['msg']}"
            for finding in error.errors(include_url=False, include_input=False)
        )
        raise ArtefactError(
            f"{path}: is not a model card of format 1 ({findings}): use the project's version that wrote it"
        ) from error


def _parse_tensors(path: Path, content: bytes) -> dict[str, Tensor]:
    try:
        tensors: dict[str, Tensor] = safetensors.torch.load(content)
    except safetensors.SafetensorError as error:
        raise ArtefactError(f"{path}: is not a safetensors file ({error}): register the model again") from error
    return tensors


def _check_tensors(path: Path, wanted: dict[str, Any], found: dict[str, Tensor]) -> None:
    for name in sorted(wanted.keys() | found.keys()):
        expected = list(wanted[name].shape) if name in wanted else "no such tensor"
        actual = list(found[name].shape) if name in found else "none"
        if expected != actual:
            raise ArtefactError(
                f"{path}: tensor {name}: expected {expected}, found {actual}: the card names another architecture or "
                f"other classes than the weights were made for; register the model again"
            )
