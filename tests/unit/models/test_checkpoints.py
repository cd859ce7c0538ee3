"""A training that is killed goes on from its checkpoint, to the weights of one that was never disturbed."""

import hashlib
import logging
import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save
from synthetic_images import CLASSES, shapes

from include.config_parts import ModelConfig, TrainingConfig
from include.models import checkpoints as checkpoints_module
from include.models import training as training_module
from include.models.checkpoints import EVERY_N_EPOCHS, Checkpoints, TrainingIdentity, delete_checkpoints
from include.models.compute import Compute
from include.models.optimizer import EagerAdamW
from include.models.training import TrainedModel, train
from include.models.training_state import EpochProgress, TrainingState
from include.store.files import FileStore
from tests.child_processes import die, was_killed

N_EPOCHS = 5
N_STEPS = 3
"""In an epoch, of 48 images in batches of 16."""


def checkpoints_of(folder: Path, *, run_id: str = "run", every: int = 2, **changes: Any) -> Checkpoints:
    """Checkpoints of a training of shapes, after the epochs 2, 4 and 5."""
    identity = TrainingIdentity(
        **{
            "snapshot_id": "5eed",
            "model": ModelConfig(),
            "training": TrainingConfig(n_epochs=N_EPOCHS, batch_size=16),
            "preprocessing_digest": "0f",
            "classes": CLASSES,
            "n_images": 48,
            "contents_sha256": "c0",
            "seed": 3,
            "torch_version": str(torch.__version__),
        }
        | changes
    )
    return Checkpoints(store=FileStore(str(folder)), run_id=run_id, identity=identity, every_n_epochs=every)


def train_shapes(
    checkpoints: Checkpoints | None,
    *,
    on_epoch: Callable[[EpochProgress], None] | None = None,
    compute: Compute | None = Compute(),  # noqa: B008 - it is frozen
    size: int = 16,
    **changes: Any,
) -> TrainedModel:
    training = shapes(48, size=size)
    return train(
        **{
            "images": training.images,
            "labels": training.labels,
            "validation": shapes(12, size=size, seed=2),
            "classes": CLASSES,
            "architecture": "small_cnn",
            "weights": "none",
            "settings": checkpoints.identity.training if checkpoints else checkpoints_of(Path()).identity.training,
            "seed": 3,
            "horizontal_flip": True,
            "on_epoch": on_epoch,
            "compute": compute,
            "checkpoints": checkpoints,
        }
        | changes
    )


def train_and_die(folder: Path, where: str, number: int) -> None:
    """Train in this process until it dies: after an epoch, after a step, or while the checkpoint is written."""
    if where == "step":
        die_in(EagerAdamW, "step", after_calls=number)
    elif where == "tensors without their name":
        die_in(checkpoints_module, "sha256_of_file", after_calls=number)
    elif where == "tensors without their card":
        die_in(FileStore, "write", before_call=number)
    train_shapes(
        checkpoints_of(folder),
        on_epoch=lambda progress: die() if where == "epoch" and progress.epoch == number else None,
    )


def die_in(owner: Any, name: str, *, before_call: int = 0, after_calls: int = 0) -> None:
    called, n_calls = getattr(owner, name), 0

    def call(*arguments: Any, **values: Any) -> Any:
        nonlocal n_calls
        n_calls += 1
        if n_calls == before_call:
            die()
        result = called(*arguments, **values)
        if n_calls == after_calls:
            die()
        return result

    setattr(owner, name, call)


def interrupted_after(epoch: int) -> Callable[[EpochProgress], None]:
    def stop(progress: EpochProgress) -> None:
        if progress.epoch == epoch:
            raise KeyboardInterrupt

    return stop


def digest(trained: TrainedModel) -> str:
    return hashlib.sha256(save(trained.model.state_dict())).hexdigest()


def files_below(folder: Path) -> dict[str, Path]:
    """The files of all runs below a store, by their names without the folder of the run."""
    return {path.name: path for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def undisturbed() -> str:
    return digest(train_shapes(None))


@pytest.fixture
def messages(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    caplog.set_level(logging.INFO, logger="include.models")
    return lambda: [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize(
    ("where", "number", "goes_on_from"),
    [
        ("epoch", 1, 0),
        ("epoch", 2, 2),
        ("step", 3 * N_STEPS + 2, 2),
        ("epoch", 4, 4),
        ("step", 4 * N_STEPS + 1, 4),
        ("epoch", 5, 5),
        ("tensors without their name", 1, 0),
        ("tensors without their name", 2, 2),
        ("tensors without their card", 2, 0),  # the first card is the one of epoch 0
        ("tensors without their card", 3, 2),
        ("tensors without their card", 4, 4),
    ],
)
def test_a_killed_training_comes_to_the_same_weights(
    where: str,
    number: int,
    goes_on_from: int,
    undisturbed: str,
    tmp_path: Path,
    messages: Callable[[], list[str]],
) -> None:
    # given a training that was killed
    assert was_killed(train_and_die, tmp_path / "store", where, number, errors=tmp_path / "errors")

    # when it is tried again
    told: list[int] = []
    random_numbers = torch.get_rng_state()
    again = train_shapes(checkpoints_of(tmp_path / "store"), on_epoch=lambda progress: told.append(progress.epoch))

    # then it goes on from the newest checkpoint, and nobody can tell the difference
    assert told == list(range(goes_on_from + 1, N_EPOCHS + 1))
    assert [progress.epoch for progress in again.history] == [1, 2, 3, 4, 5]
    assert digest(again) == undisturbed
    assert torch.equal(torch.get_rng_state(), random_numbers)
    going_on = [message for message in messages() if message.startswith("going on from epoch")]
    assert [message.partition(",")[0] for message in going_on] == (
        [f"going on from epoch {goes_on_from} of 5"] if goes_on_from else []
    )


def test_a_training_that_is_killed_again_and_again_comes_to_the_same_weights(undisturbed: str, tmp_path: Path) -> None:
    for n_steps in (1, 7, 8, 2):
        assert was_killed(train_and_die, tmp_path / "store", "step", n_steps, errors=tmp_path / "errors")

    assert digest(train_shapes(checkpoints_of(tmp_path / "store"))) == undisturbed


@pytest.mark.parametrize(
    ("architecture", "compute"),
    [
        ("small_cnn", Compute(dtype="bfloat16")),
        ("small_cnn", Compute(channels_last=False, n_threads=2)),
        ("mobilenet_v3_small", Compute(dtype="bfloat16")),  # with dropout, whose random numbers are torch's own
    ],
)
def test_dropout_number_format_layout_and_threads_make_no_difference(
    architecture: str, compute: Compute, tmp_path: Path
) -> None:
    settings = TrainingConfig(n_epochs=2, batch_size=16)
    kept = checkpoints_of(tmp_path, every=1, training=settings)
    network: dict[str, Any] = {"architecture": architecture, "settings": settings, "size": 32}

    # when a training ends after a checkpoint, and goes on without being told how to compute
    with pytest.raises(KeyboardInterrupt):
        train_shapes(kept, compute=compute, on_epoch=interrupted_after(1), **network)
    again = train_shapes(kept, compute=None, **network)

    # then it comes to the same weights
    assert again.compute == compute
    assert digest(again) == digest(train_shapes(None, compute=compute, **network))


def test_the_optimizer_goes_on_in_the_layout_of_the_weights() -> None:
    """In another one it comes to the same, but a step takes twice as long."""

    def begun() -> TrainingState:
        model = Compute(channels_last=True).place(torch.nn.Conv2d(4, 8, 3))
        optimizer = EagerAdamW(model.parameters(), lr=0.1)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=5)
        return TrainingState(model, optimizer, schedule, torch.Generator())

    state, restored = begun(), begun()
    state.model(torch.rand(2, 4, 8, 8)).sum().backward()
    state.optimizer.step()

    restored.restore(state.tensors(), state.figures(seconds=0.0))

    weight = restored.model.weight
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert restored.optimizer.state[weight]["exp_avg"].stride() == weight.stride()
    assert restored.optimizer.state[weight]["exp_avg_sq"].stride() == weight.stride()


def test_every_tenth_epoch_and_the_last_one_are_kept_and_never_more_than_two(tmp_path: Path) -> None:
    assert EVERY_N_EPOCHS == 10
    kept = checkpoints_of(tmp_path, every=EVERY_N_EPOCHS, training=TrainingConfig(n_epochs=25, batch_size=48))
    seen: dict[int, set[int]] = {}

    def look(progress: EpochProgress) -> None:
        cards = [path.read_text() for name, path in files_below(tmp_path).items() if name.endswith(".json")]
        seen[progress.epoch] = {epoch for epoch in range(26) for card in cards if f'"epoch":{epoch},"compute"' in card}

    train_shapes(kept, on_epoch=look)

    assert seen[1] == seen[9] == {0}
    assert seen[10] == seen[19] == {0, 10}
    assert seen[20] == seen[24] == {10, 20}
    assert seen[25] == {20, 25}
    assert set(files_below(tmp_path)) == {"a.json", "a.safetensors", "b.json", "b.safetensors"}
    assert files_below(tmp_path)["a.json"].parent == (tmp_path / "checkpoints" / hashlib.sha256(b"run").hexdigest()), (
        "where a run's checkpoints lie is known to others, too"
    )


def tear(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


@pytest.mark.parametrize("part", ["json", "safetensors"])
def test_a_torn_checkpoint_falls_back_to_the_one_before_and_then_to_the_start(
    part: str, undisturbed: str, tmp_path: Path, messages: Callable[[], list[str]]
) -> None:
    kept = checkpoints_of(tmp_path)
    newer, older = "b", "a"  # of the epochs 5 and 4
    train_shapes(kept)

    tear(files_below(tmp_path)[f"{newer}.{part}"])
    assert digest(train_shapes(kept)) == undisturbed
    assert any("is not used: it" in message and "torn" in message for message in messages())
    assert "going on from epoch 4 of 5" in " ".join(messages())

    for place in (newer, older):
        tear(files_below(tmp_path)[f"{place}.{part}"])
    told: list[int] = []
    assert digest(train_shapes(kept, on_epoch=lambda progress: told.append(progress.epoch))) == undisturbed
    assert told == [1, 2, 3, 4, 5]


def test_a_checkpoint_with_a_changed_bit_is_not_used(undisturbed: str, tmp_path: Path) -> None:
    kept = checkpoints_of(tmp_path)
    train_shapes(kept)
    path = files_below(tmp_path)["b.safetensors"]
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)

    assert digest(train_shapes(kept)) == undisturbed


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"snapshot_id": "other"}, "snapshot_id"),
        ({"training": TrainingConfig(n_epochs=4, batch_size=16)}, "training"),
        ({"training": TrainingConfig(n_epochs=N_EPOCHS, batch_size=16, base_lr=0.01)}, "training"),
        ({"n_images": 47, "contents_sha256": "c1"}, "n_images, contents_sha256"),
        ({"model": ModelConfig(architecture="resnet18"), "torch_version": "1.0"}, "model, torch_version"),
    ],
)
def test_what_another_training_has_kept_is_not_used(
    changes: dict[str, Any], named: str, tmp_path: Path, messages: Callable[[], list[str]]
) -> None:
    train_shapes(checkpoints_of(tmp_path))
    changed = checkpoints_of(tmp_path, **changes)

    again = train_shapes(changed)

    assert digest(again) == digest(train_shapes(None, settings=changed.identity.training))
    assert sum(f"it is of another training, of another {named}" in message for message in messages()) == 2
    assert "going on" not in " ".join(messages())


def test_the_weights_of_another_network_are_not_used(tmp_path: Path, messages: Callable[[], list[str]]) -> None:
    """As after a new release of the project, in which the network of this name is another one."""
    kept = checkpoints_of(tmp_path)
    train_shapes(kept, classes=CLASSES[:2], labels=shapes(48).labels % 2, validation=shapes(0))

    assert len(train_shapes(kept).history) == N_EPOCHS
    assert "it is of another network, its tensor 23.bias is [2], the network's [3]" in " ".join(messages())


def test_a_new_run_starts_afresh(tmp_path: Path) -> None:
    train_shapes(checkpoints_of(tmp_path))
    told: list[int] = []

    train_shapes(checkpoints_of(tmp_path, run_id="another"), on_epoch=lambda progress: told.append(progress.epoch))

    assert told == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("ends_in_epoch", [1, 3])
def test_how_a_run_computes_is_chosen_once(ends_in_epoch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # given a training whose choice was by a hair, and that ended before or after its first checkpoint
    monkeypatch.setattr(training_module, "choose_compute", lambda *_, **__: Compute(dtype="bfloat16"))

    with pytest.raises(KeyboardInterrupt):
        train_shapes(checkpoints_of(tmp_path), compute=None, on_epoch=interrupted_after(ends_in_epoch))

    # when the next try would choose otherwise
    monkeypatch.setattr(training_module, "choose_compute", lambda *_, **__: Compute(channels_last=False))
    again = train_shapes(checkpoints_of(tmp_path), compute=None)

    # then it is not asked
    assert digest(again) == digest(train_shapes(None, compute=Compute(dtype="bfloat16")))


def test_what_was_begun_on_a_gpu_goes_on_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, messages: Callable[[], list[str]]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(training_module, "choose_compute", lambda *_, **__: Compute())
    train_shapes(checkpoints_of(tmp_path))
    for name, path in files_below(tmp_path).items():
        if name.endswith(".json"):
            path.write_text(path.read_text().replace('"device":"cpu"', '"device":"cuda"'))

    again = train_shapes(checkpoints_of(tmp_path), compute=None)

    assert (again.compute, len(again.history)) == (Compute(), N_EPOCHS)
    assert any("was computed on CUDA, which is not here" in message for message in messages())


@contextmanager
def full_disk(n_bytes: int) -> Iterator[None]:
    """Let no file of this process grow beyond some bytes, which is how a full disk looks to whoever writes one."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_is_a_warning_and_leaves_no_torn_file(
    undisturbed: str, tmp_path: Path, messages: Callable[[], list[str]]
) -> None:
    with full_disk(100_000):
        trained = train_shapes(checkpoints_of(tmp_path))

    assert digest(trained) == undisturbed
    assert sum(message.startswith("no checkpoint of epoch") for message in messages()) == 3
    assert set(files_below(tmp_path)) == {"a.json"}, "the card that says how it is computed"


def test_checkpoints_that_are_needed_no_more_are_deleted(tmp_path: Path) -> None:
    train_shapes(checkpoints_of(tmp_path))
    train_shapes(checkpoints_of(tmp_path, run_id="another"))
    assert len(list(tmp_path.rglob("*.json"))) == 4

    delete_checkpoints(FileStore(str(tmp_path)), run_id="run")
    delete_checkpoints(FileStore(str(tmp_path)), run_id="run")

    assert len(list(tmp_path.rglob("*.json"))) == len(list(tmp_path.rglob("*.safetensors"))) == 2


def go_on_and_look_at_the_imports(folder: Path) -> None:
    train_shapes(checkpoints_of(folder))
    heavy = [name for name in ("torch._dynamo", "torchvision") if name in sys.modules]
    assert not heavy, heavy


def test_going_on_imports_nothing_that_takes_seconds(tmp_path: Path) -> None:
    assert was_killed(train_and_die, tmp_path / "store", "epoch", 2, errors=tmp_path / "errors")

    assert not was_killed(go_on_and_look_at_the_imports, tmp_path / "store", errors=tmp_path / "errors")
