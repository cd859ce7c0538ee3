"""Checkpoints of a training that is under way, from which one that was killed goes on to the same weights.

A checkpoint is a card (JSON) and the tensors that it names by their digest (safetensors); nothing is ever unpickled.
Both are whole or not there, and the card is written last. There is room for two, which take turns: whatever happens to
the newer one, the older is still there. They belong to one run, and to what that run trains; a checkpoint is an aid, so
nothing that is wrong with one ends a training.
"""

import hashlib
import logging
import time
from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple, Self

import safetensors
import safetensors.torch
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from torch import Tensor, nn

from include.config_parts import ModelConfig, TrainingConfig
from include.errors import StoreError
from include.models.compute import Compute
from include.models.start import StartedFrom
from include.models.training_state import Figures, TrainingState, difference
from include.store.files import FileStore, sha256_of_bytes, sha256_of_file

log = logging.getLogger(__name__)

EVERY_N_EPOCHS = 10
"""How often a checkpoint is written, besides the one at the end."""
_PLACES = ("a", "b")


class TrainingIdentity(BaseModel):
    """All that decides which weights a training comes to, but for how it is computed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    snapshot_id: str
    model: ModelConfig
    training: TrainingConfig
    preprocessing_digest: str
    classes: tuple[str, ...]
    n_images: int
    """Of the training side, as far as they could be read and before a share of them is drawn."""
    contents_sha256: str
    """The digest of these images' digests, in their order."""
    seed: int
    torch_version: str
    start: StartedFrom | None = None
    """The version whose weights it started from; None: it is from scratch."""

    def differing(self, other: Self) -> tuple[str, ...]:
        """Return the fields in which another one is different."""
        return tuple(name for name in type(self).model_fields if getattr(self, name) != getattr(other, name))


class _Card(BaseModel):
    """What must be known of a checkpoint to go on from it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format_version: Literal[1] = 1
    identity: TrainingIdentity
    epoch: int
    """How many epochs are behind it. With none there are no tensors: a training has begun, and this is how."""
    compute: Compute
    figures: Figures
    tensors_sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None


class Checkpoint(NamedTuple):
    """A training's state as it was after some epoch."""

    epoch: int
    compute: Compute
    """How the epochs before it were computed: in another way those after it would come to other weights."""
    figures: Figures
    tensors: dict[str, Tensor]
    """Empty if no epoch was behind it."""

    def restore(self, state: TrainingState) -> None:
        """Bring a training that has just begun to where this one was."""
        if self.epoch:
            state.restore(self.tensors, self.figures)


class _UnusableError(Exception):
    """A checkpoint cannot be gone on from; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Checkpoints:
    """The checkpoints of one training of one run."""

    store: FileStore
    run_id: str
    identity: TrainingIdentity
    every_n_epochs: int = EVERY_N_EPOCHS

    def newest(self, model: nn.Module) -> Checkpoint | None:
        """Return the newest checkpoint that is whole and of this training, if there is one; say what is not used.

        Args:
            model: The network that is trained; only the shapes of its tensors count.
        """
        cards: list[tuple[str, _Card]] = []
        for place in _PLACES:
            try:
                cards += [(place, card)] if (card := self._read_card(place)) else []
            except _UnusableError as error:
                log.warning("checkpoint %s of this run is not used: %s", place, error)
        for place, card in sorted(cards, key=lambda found: found[1].epoch, reverse=True):
            try:
                return Checkpoint(card.epoch, card.compute, card.figures, self._read_tensors(place, card, model))
            except _UnusableError as error:
                log.warning("the checkpoint of epoch %d is not used: %s", card.epoch, error)
        return None

    def keep(self, state: TrainingState, compute: Compute, *, seconds: float) -> None:
        """Write a checkpoint if one is due: before the first epoch, after every tenth, and after the last one.

        If it cannot be written, that is a warning: the training is worth more.

        Args:
            state: The training.
            compute: How it computes.
            seconds: What was spent on it, by all tries.
        """
        epoch, n_epochs = len(state.history), self.identity.training.n_epochs
        if epoch % self.every_n_epochs and epoch != n_epochs:
            return
        started = time.monotonic()
        # The number of the checkpoint, not of the epoch: the one before must never be in the way.
        place = _PLACES[-(-epoch // self.every_n_epochs) % len(_PLACES)]
        try:
            card = _Card(
                identity=self.identity,
                epoch=epoch,
                compute=compute,
                figures=state.figures(seconds=seconds),
                tensors_sha256=self._write_tensors(place, state.tensors()) if epoch else None,
            )
            self.store.write(_card_name(self.run_id, place), card.model_dump_json().encode())
        except StoreError as error:
            log.warning("no checkpoint of epoch %d, training goes on: %s", epoch, error)
            return
        if epoch:
            log.info("checkpoint of epoch %d of %d in %.2f s", epoch, n_epochs, time.monotonic() - started)

    def _write_tensors(self, place: str, tensors: dict[str, Tensor]) -> str:
        """Write tensors and return their file's digest."""
        name = _tensors_name(self.run_id, place)
        with self.store.new_file(name) as path:
            try:
                safetensors.torch.save_file(tensors, path)
            except safetensors.SafetensorError as error:
                raise StoreError(f"{name} cannot be written in the store {self.store.url}: {error}") from error
            return sha256_of_file(path)

    def _read_card(self, place: str) -> _Card | None:
        """Return the card of this training, if there is one.

        Raises:
            _UnusableError: There is one, but it cannot be read, or it is of another training.
        """
        try:
            if not self.store.exists(_card_name(self.run_id, place)):
                return None
            card = _Card.model_validate_json(self.store.read(_card_name(self.run_id, place)))
        except StoreError as error:
            raise _UnusableError(str(error)) from error
        except ValidationError as error:
            raise _UnusableError(f"its card is torn, or of another release ({error.error_count()} errors)") from error
        if differing := self.identity.differing(card.identity):
            raise _UnusableError(f"it is of another training, of another {', '.join(differing)}")
        return card

    def _read_tensors(self, place: str, card: _Card, model: nn.Module) -> dict[str, Tensor]:
        """Return the tensors that a card names.

        Raises:
            _UnusableError: They are not there, are not what the card says, or do not fit the network.
        """
        if card.tensors_sha256 is None:
            return {}
        try:
            content = self.store.read(_tensors_name(self.run_id, place))
        except StoreError as error:
            raise _UnusableError(str(error)) from error
        if (found := sha256_of_bytes(content)) != card.tensors_sha256:
            raise _UnusableError(f"it is torn, its tensors have SHA-256 {found}, the card says {card.tensors_sha256}")
        tensors: dict[str, Tensor] = safetensors.torch.load(content)
        if unfit := difference(tensors, model):
            raise _UnusableError(f"it is of another network, {unfit}")
        return tensors


def delete_checkpoints(store: FileStore, *, run_id: str) -> None:
    """Delete the checkpoints of a run that needs them no more, and what its killed tries have left.

    If they cannot be deleted, that is a warning: `prune` will.
    """
    try:
        for file in store.list_files(_folder(run_id)):
            store.delete(file.name)
    except StoreError as error:
        log.warning("checkpoints that nobody needs are still there: %s", error)


def _card_name(run_id: str, place: str) -> str:
    return f"{_folder(run_id)}/{place}.json"


def _tensors_name(run_id: str, place: str) -> str:
    return f"{_folder(run_id)}/{place}.safetensors"


def _folder(run_id: str) -> str:
    """Return the folder of a run's checkpoints: a run's id may hold anything."""
    return f"checkpoints/{hashlib.sha256(run_id.encode()).hexdigest()}"
