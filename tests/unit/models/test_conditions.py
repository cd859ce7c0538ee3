"""How and on what a network was trained, and in what two trainings differ."""

import dataclasses
import json

import pytest
import torch

from include.errors import ConfigError
from include.models.compute import Compute
from include.models.conditions import TrainingConditions, is_available
from include.models.start import StartedFrom

THEN = TrainingConditions(
    compute=Compute(dtype="bfloat16", n_threads=2),
    torch_version="2.14.0",
    processor="EPYC (AVX2)",
    preprocessing_digest="c0ffee" * 4,
)


def test_those_of_this_process_name_torch_and_the_processor() -> None:
    here = TrainingConditions.here(Compute(), preprocessing_digest="d")

    assert (here.torch_version, here.compute) == (torch.__version__, Compute())
    assert here.processor.endswith(f"({torch.backends.cpu.get_cpu_capability()})")
    assert not here.processor.startswith(" ")
    assert here.differences(TrainingConditions.here(Compute(), preprocessing_digest="d")) == ()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"torch_version": "2.15.0"}, "torch 2.15.0, then 2.14.0"),
        ({"processor": "Xeon (AVX512)"}, "processor Xeon (AVX512), then EPYC (AVX2)"),
        (
            {"compute": Compute(n_threads=2)},
            "computed on cpu, float32, channels_last, 2 threads, then cpu, bfloat16, channels_last, 2 threads",
        ),
        ({"n_processes": 2}, "processes 2, then 1"),
        (
            {"start": StartedFrom(strategy="warm", version=3, weights_sha256="ab" * 32)},
            "started from version 3 (abababababab, warm), then scratch",
        ),
        ({"preprocessing_digest": "decaf0" * 4}, "pixels of preprocessing decaf0decaf0, then c0ffeec0ffee"),
    ],
)
def test_what_is_different_is_told_as_it_is_now_and_as_it_was(changed: dict[str, object], told: str) -> None:
    assert dataclasses.replace(THEN, **changed).differences(THEN) == (told,)  # type: ignore[arg-type]


def test_they_are_read_back_from_json_and_nothing_else_is() -> None:
    assert TrainingConditions.from_json(json.loads(json.dumps(THEN.to_json()))) == THEN
    with pytest.raises(ConfigError, match="compute"):
        TrainingConditions.from_json(THEN.to_json() | {"compute": {"device": "tpu"}})


def test_those_of_an_older_release_were_from_scratch_and_of_one_process() -> None:
    known = {name: value for name, value in THEN.to_json().items() if name not in {"start", "n_processes"}}

    assert TrainingConditions.from_json(known) == THEN


def test_a_machine_without_a_gpu_cannot_compute_on_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    assert is_available(Compute(dtype="bfloat16"))
    assert not is_available(Compute(device="cuda"))
