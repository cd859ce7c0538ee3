"""Choosing how to compute: what is tried, what is kept for the next process, and what happens when it fails."""

import json
import logging
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from synthetic_images import shapes

from include.models import compiled
from include.models.choices import ChoiceCache
from include.models.execution import Execution, Step, Workload, has_openvino, step_of
from include.models.forward import forward_pass
from include.models.network import Outputs

ROOT = Path(__file__).parents[3]
MANY = 1_000_000_000
"""So many images that everything pays."""
PIXELS = shapes(200, seed=5).images.pixels


@pytest.fixture(autouse=True)
def _in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time each way for two steps: nothing here depends on which is faster."""
    monkeypatch.setattr("include.models.compute._SECONDS_PER_CANDIDATE", 0.0)
    monkeypatch.setattr("include.models.probing._TIMED_SECONDS", 0.0)


@pytest.fixture
def model() -> torch.nn.Module:
    """A network of 4,000 parameters: it is compiled in seconds."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return torch.nn.Sequential(
            torch.nn.Conv2d(3, 64, 5, stride=2),
            torch.nn.ReLU(),
            torch.nn.AdaptiveAvgPool2d(1),
            torch.nn.Flatten(),
            torch.nn.Linear(64, 3),
        ).eval()


@pytest.fixture
def cache(tmp_path: Path) -> ChoiceCache:
    return ChoiceCache(weights_sha256="a" * 64, folder=tmp_path / "compute")


@pytest.fixture
def no_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.fixture
def no_openvino(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.models.probing.has_openvino", lambda: False)


def executed(model: torch.nn.Module, *, n_images: int, cache: ChoiceCache | None) -> Execution:
    """Return how images are computed."""
    return run(model, n_images=n_images, cache=cache)[0]


def run(model: torch.nn.Module, *, n_images: int, cache: ChoiceCache | None) -> tuple[Execution, Outputs]:
    with forward_pass(model, PIXELS, n_images=n_images, want_features=True, cache=cache) as forward:
        return forward.execution, forward(PIXELS[:150])


def exact(model: torch.nn.Module) -> Outputs:
    return run(model, n_images=200, cache=None)[1]


def kept(cache: ChoiceCache) -> list[Path]:
    return sorted(cache.folder.glob("*.json"))


class Slow(torch.nn.Module):
    """A network that takes its time for each image, in its last layer but one."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        time.sleep(0.02 * len(inputs))
        logits: torch.Tensor = self.model(inputs)
        return logits


@pytest.mark.usefixtures("no_compiler", "no_openvino")
def test_few_images_that_would_take_long_are_worth_timing(model: torch.nn.Module, cache: ChoiceCache) -> None:
    with forward_pass(Slow(model), PIXELS, n_images=600, want_features=False, cache=cache):
        assert len(kept(cache)) == 1


def test_few_images_are_not_worth_timing(model: torch.nn.Module, cache: ChoiceCache) -> None:
    assert executed(model, n_images=1000, cache=cache) == Execution()
    assert kept(cache) == []


@pytest.mark.usefixtures("no_compiler", "no_openvino")
def test_what_was_measured_is_kept_and_used_for_few_images_too(
    model: torch.nn.Module, cache: ChoiceCache, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr("include.models.choosing.free_threads", lambda: 1)
    with caplog.at_level(logging.INFO):
        first = executed(model, n_images=5000, cache=cache)
    assert [line for line in caplog.messages if line.startswith(f"the forward pass runs on {first} (")]
    assert len(kept(cache)) == 1

    # when
    caplog.clear()
    monkeypatch.setattr("include.models.probing.choose_compute", lambda *_, **__: pytest.fail("it was timed again"))

    # then
    assert executed(model, n_images=10, cache=cache) == first
    assert executed(model, n_images=5000, cache=cache) == first


@pytest.mark.usefixtures("no_compiler", "no_openvino")
def test_another_model_is_measured_on_its_own(model: torch.nn.Module, cache: ChoiceCache) -> None:
    other = ChoiceCache(weights_sha256="b" * 64, folder=cache.folder)
    for each in (cache, other):
        executed(model, n_images=5000, cache=each)

    assert len(kept(cache)) == 2


@pytest.mark.usefixtures("no_compiler", "no_openvino")
@pytest.mark.parametrize("damage", ["torn", "not ours", "another machine's", "another key"])
def test_a_torn_or_foreign_file_is_told_and_measured_anew(
    damage: str,
    model: torch.nn.Module,
    cache: ChoiceCache,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # given
    monkeypatch.setattr("include.models.choosing.free_threads", lambda: 1)
    executed(model, n_images=5000, cache=cache)
    (path,) = kept(cache)
    content = path.read_text(encoding="utf-8")
    path.write_text(
        {
            "torn": content[: len(content) // 2],
            "not ours": "<html>",
            "another machine's": content.replace(torch.__version__, "0.1"),
            "another key": json.dumps({"images_per_second": 1e9}),
        }[damage],
        encoding="utf-8",
    )

    # when
    with caplog.at_level(logging.WARNING):
        executed(model, n_images=5000, cache=cache)

    # then
    (warning,) = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert warning.startswith(f"{path} is not used, it is measured anew: ")
    assert json.loads(path.read_text(encoding="utf-8"))[0]["torch"] == torch.__version__


@pytest.mark.usefixtures("no_compiler", "no_openvino")
def test_a_cache_that_cannot_be_written_is_told_and_costs_no_answer(
    model: torch.nn.Module, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()

    with caplog.at_level(logging.WARNING):
        executed(model, n_images=5000, cache=ChoiceCache(weights_sha256="a" * 64, folder=tmp_path / "file" / "compute"))

    (warning,) = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert warning.startswith("how to compute cannot be kept for the next run: ")


@pytest.mark.usefixtures("no_compiler", "no_openvino")
def test_half_precision_needs_enough_images_to_agree_on(
    model: torch.nn.Module, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.models.compute.MIN_SPEEDUP", 0.0)  # whatever agrees is taken

    with caplog.at_level(logging.INFO), forward_pass(model, PIXELS[:64], n_images=5000) as forward:
        assert forward.execution.compute.dtype == "float32"

    assert any(
        line.endswith("64 images are too few to tell whether it agrees with float32") for line in caplog.messages
    )


@pytest.mark.usefixtures("no_compiler", "no_openvino")
def test_without_a_compiler_nothing_is_compiled(model: torch.nn.Module, cache: ChoiceCache) -> None:
    assert executed(model, n_images=MANY, cache=cache).backend == "eager"


@pytest.mark.usefixtures("no_openvino")
def test_a_compiler_that_fails_is_told_and_not_asked_again(
    model: torch.nn.Module,
    cache: ChoiceCache,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # given a compiler that knows its name and nothing else
    from torch._inductor import config as inductor_config

    compiler = tmp_path / "g++"
    compiler.write_text('#!/bin/sh\ncase "$1" in --version) echo "g++ (broken) 12";; *) exit 1;; esac\n')
    compiler.chmod(0o755)
    monkeypatch.setenv("CXX", str(compiler))
    monkeypatch.setattr("include.models.choosing.free_threads", lambda: 1)

    # when
    with inductor_config.patch({"cpp.cxx": str(compiler)}), caplog.at_level(logging.INFO):
        execution, outputs = run(model, n_images=MANY, cache=cache)

    # then
    assert execution.backend == "eager"
    assert outputs.logits == pytest.approx(exact(model).logits, abs=0.02)
    told = [line for line in caplog.messages if line.startswith("inductor") and " is not used: " in line]
    assert len(told) == 1
    caplog.clear()
    with caplog.at_level(logging.INFO):
        executed(model, n_images=MANY, cache=cache)
    assert not [line for line in caplog.messages if line.startswith("inductor")]


@pytest.mark.slow
@pytest.mark.usefixtures("no_openvino")
def test_a_compiled_network_answers_as_the_eager_one_does_and_is_compiled_once(
    model: torch.nn.Module, cache: ChoiceCache, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", scratch := str(cache.folder / "somebody's"))
    monkeypatch.setattr("include.models.choosing.free_threads", lambda: 1)
    monkeypatch.setattr("include.models.probing.MIN_SPEEDUP", 0.0)  # however slow it is beside other tests
    monkeypatch.setattr("include.models.choosing._seconds", lambda one, _: one.execution.backend != "inductor")

    # when
    execution, outputs = run(model, n_images=MANY, cache=cache)

    # then
    assert execution.backend == "inductor"
    expected = exact(model)
    assert outputs.logits.shape == (150, 3)  # the batch that was compiled for has more
    assert outputs.logits == pytest.approx(expected.logits, abs=0.02)
    assert outputs.penultimate == pytest.approx(expected.penultimate, abs=0.02)
    (package,) = cache.compiled_folder.iterdir()
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == scratch

    # and the next process loads what this one has compiled, also for few images
    def refuse(*_: object) -> None:
        raise RuntimeError("compiled once more")

    monkeypatch.setattr(compiled, "_made", refuse)
    execution, outputs = run(model, n_images=100, cache=cache)
    assert execution.backend == "inductor"
    assert outputs.logits == pytest.approx(expected.logits, abs=0.02)

    # and one that finds it torn tells that it cannot be made anew, and goes on without
    package.write_bytes(package.read_bytes()[:1000])
    with caplog.at_level(logging.WARNING):
        assert executed(model, n_images=100, cache=cache).backend == "eager"
    assert any(
        "was measured here before and fails now: RuntimeError: compiled once more" in line for line in caplog.messages
    )

    # and where it is gone, few images are not worth compiling it again
    assert not package.exists()
    caplog.clear()
    assert executed(model, n_images=100, cache=cache).backend == "eager"
    assert not any("compiled once more" in line for line in caplog.messages)


@pytest.mark.usefixtures("no_openvino")
def test_where_half_precision_disagrees_float32_is_compiled(
    model: torch.nn.Module, cache: ChoiceCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a compiler whose half precision says the opposite
    def step(execution: Execution, workload: Workload) -> Step:
        exactly = step_of(Execution(compute=replace(execution.compute, dtype="float32")), workload)
        if execution.compute.dtype == "float32":
            return exactly
        return lambda pixels: exactly(pixels)._replace(logits=-exactly(pixels).logits)

    monkeypatch.setattr("include.models.probing.step_of", step)
    monkeypatch.setattr("include.models.probing.cpp_compiler", lambda: "g++")
    monkeypatch.setattr("include.models.probing.MIN_SPEEDUP", 0.0)
    monkeypatch.setattr("include.models.choosing._seconds", lambda one, _: one.execution.backend != "inductor")

    # when
    execution = executed(model, n_images=MANY, cache=cache)

    # then
    assert (execution.backend, execution.compute.dtype) == ("inductor", "float32")
    (path,) = kept(cache)
    _, _, measured = json.loads(path.read_text(encoding="utf-8"))
    assert [
        (one["execution"]["compute"]["dtype"], one["disagrees"])
        for one in measured
        if one["execution"]["backend"] == "inductor"
    ] == [("bfloat16", True), ("float32", False)]


def test_what_was_compiled_for_versions_that_nobody_asks_any_more_is_deleted(tmp_path: Path) -> None:
    packages = [tmp_path / f"version {number % 3}" / f"{number}.pt2" for number in range(compiled.MAX_PACKAGES + 2)]
    for age, package in enumerate(reversed(packages)):
        package.parent.mkdir(exist_ok=True)
        package.touch()
        os.utime(package, (1e9 - age, 1e9 - age))

    compiled._prune(tmp_path)

    assert [package.exists() for package in packages] == [False, False, *[True] * compiled.MAX_PACKAGES]


def test_openvino_answers_as_torch_does(
    model: torch.nn.Module, cache: ChoiceCache, monkeypatch: pytest.MonkeyPatch, no_compiler: None
) -> None:
    pytest.importorskip("openvino", reason="OpenVINO is optional: pip install -r requirements-openvino.txt")
    monkeypatch.setattr("include.models.probing.MIN_SPEEDUP", 0.0)
    monkeypatch.setattr("include.models.choosing._seconds", lambda one, _: one.execution.backend != "openvino")

    execution, outputs = run(model, n_images=MANY, cache=cache)

    assert execution.backend == "openvino"
    expected = exact(model)
    assert outputs.logits == pytest.approx(expected.logits, abs=0.02)
    assert outputs.penultimate == pytest.approx(expected.penultimate, abs=0.02)


@pytest.mark.skipif(has_openvino(), reason="OpenVINO is installed, and would be imported instead of this one")
def test_an_openvino_that_cannot_convert_is_told_and_not_used(
    model: torch.nn.Module,
    cache: ChoiceCache,
    tmp_path: Path,
    no_compiler: None,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "openvino.py").write_text("def convert_model(*_, **__):\n    raise ValueError('no such operation')\n")
    monkeypatch.syspath_prepend(tmp_path)

    try:
        with caplog.at_level(logging.INFO):
            assert executed(model, n_images=MANY, cache=cache).backend == "eager"
    finally:
        sys.modules.pop("openvino", None)

    assert any(
        line.startswith("openvino") and line.endswith("is not used: ValueError: no such operation")
        for line in caplog.messages
    )


@pytest.mark.usefixtures("no_compiler")
def test_what_was_measured_and_no_longer_works_gives_way_to_the_next(
    model: torch.nn.Module, cache: ChoiceCache, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a file that knows of a backend which is gone, on what looks like the same machine
    monkeypatch.setattr("include.models.choosing.free_threads", lambda: 1)
    monkeypatch.setattr("include.models.probing.has_openvino", lambda: False)
    monkeypatch.setitem(sys.modules, "openvino", None)
    eager = executed(model, n_images=5000, cache=cache)
    (path,) = kept(cache)
    machine, subject, (measured,) = json.loads(path.read_text(encoding="utf-8"))
    gone = json.loads(json.dumps(measured))
    gone["execution"]["backend"] = "openvino"
    gone["images_per_second"] *= 1000
    path.write_text(json.dumps([machine, subject, [measured, gone]]), encoding="utf-8")

    # when
    with caplog.at_level(logging.WARNING):
        execution = executed(model, n_images=5000, cache=cache)

    # then
    assert execution == eager
    assert any("was measured here before and fails now" in line for line in caplog.messages)


def test_probing_imports_neither_inductor_nor_openvino_for_a_few_thousand_images() -> None:
    script = (
        "import sys\n"
        "import numpy as np\n"
        "from include.models.architectures import build\n"
        "from include.models.forward import forward_pass\n"
        "pixels = np.zeros((256, 8, 8, 3), np.uint8)\n"
        "with forward_pass(build('small_cnn', n_classes=3), pixels, n_images=3000) as forward:\n"
        "    forward(pixels)\n"
        "print(sorted({'torch._dynamo', 'torch._inductor', 'openvino', 'torchvision'} & set(sys.modules)))\n"
    )

    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_a_torch_that_cannot_load_what_is_compiled_answers_all_the_same() -> None:
    code = (
        "import sys, torch; sys.modules['torch._C._aoti'] = None\n"
        "import numpy as np\n"
        "from include.models.forward import forward_pass\n"
        "model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 8 * 8, 2))\n"
        "pixels = np.zeros((4, 8, 8, 3), dtype=np.uint8)\n"
        "with forward_pass(model, pixels, n_images=4) as forward:\n"
        "    print(forward(pixels).logits.shape)"
    )

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)

    assert done.stdout == "(4, 2)\n"
