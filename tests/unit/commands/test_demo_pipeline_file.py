"""The pipeline file that is written for a folder of images: it loads, its values fit, each line says why."""

import re
import subprocess
import sys

import pytest

from include.commands.demo.folder import ImageFolder
from include.commands.demo.written_file import pipeline_text
from include.commands.new import machine as machine_module
from include.commands.new.headers import Headers
from include.commands.new.image_files import FoundImage
from include.commands.new.machine import Machine, this_machine
from include.commands.new.names import pipeline_name
from include.commands.new.pipeline_file import choose
from include.config import load_pipeline

LAPTOP = Machine(n_cores=2, has_gpu=False)
WITH_GPU = Machine(n_cores=192, has_gpu=True)


def chosen(n=(1500, 1568), *, n_new=341, short_side=400, machine=LAPTOP):
    n_by_class = {str(index): size for index, size in enumerate(n)}
    return choose(n_by_class=n_by_class, n_new=n_new, short_side=short_side, max_bad_fraction=0.1, machine=machine)


def folder_of(root, *, labels=("hat", "shirt" * 40), n=150, is_held_back=False):
    training = tuple(FoundImage(f"{label}/{i}.jpg", root / label) for label in labels for i in range(n))
    new = tuple(FoundImage(f"{i}.jpg", root) for i in range(40))
    headers = Headers(short_sides=(300, 400, 400), unreadable=("hat/x\ny.jpg",))
    return ImageFolder(
        root=root,
        training=training,
        new=new,
        is_held_back=is_held_back,
        headers=headers,
        n_left_out=0,
    )


def text_of(folder, tmp_path, machine=LAPTOP):
    return pipeline_text(
        folder,
        training_url=f"file://{tmp_path}/train/",
        incoming_url=f"file://{tmp_path}/new/",
        recipient="me@example.com",
        machine=machine,
    )


@pytest.mark.parametrize(
    ("short_side", "size"), [(4000, 96), (96, 96), (95, 64), (48, 48), (33, 32), (20, 16), (9, 8), (1, 8)]
)
def test_images_are_not_blown_up_nor_larger_than_the_network_takes(short_side, size):
    assert (chosen(short_side=short_side).size, chosen().architecture) == (size, "small_cnn")


def test_a_gpu_gets_a_larger_network_where_the_images_are_large_enough():
    large, small = chosen(machine=WITH_GPU), chosen(machine=WITH_GPU, short_side=64)

    assert (large.architecture, large.size) == ("resnet18", 224)
    assert chosen(machine=WITH_GPU, short_side=170).size == 160
    assert (small.architecture, small.size) == ("small_cnn", 64)


@pytest.mark.parametrize(
    ("n_training", "n_epochs", "batch_size"),
    [(60, 100, 16), (600, 100, 32), (1_000, 80, 64), (2_500, 30, 64), (3_068, 25, 64), (20_000, 4, 64)],
)
def test_few_images_are_gone_over_more_often_in_smaller_batches(n_training, n_epochs, batch_size):
    found = chosen((n_training // 2, n_training - n_training // 2))

    assert (found.n_epochs, found.batch_size, found.downsample_to) == (n_epochs, batch_size, 1.0)


def test_of_very_many_images_a_share_is_used():
    found = chosen((100_000, 100_000))

    assert (found.n_epochs, found.downsample_to, found.batch_size) == (3, 0.12, 128)
    assert found.n_epochs * found.downsample_to * 200_000 <= 75_000
    assert chosen((10_000_000,) * 2).downsample_to == 0.01


@pytest.mark.parametrize(
    ("n", "min_accuracy"),
    [((100,) * 100, 0.1), ((100, 100), 0.55), ((795, 2273 // 2, 2273 // 2), 0.43), ((950, 50), 0.95)],
)
def test_the_gate_is_a_tenth_of_the_way_from_the_commonest_answer_to_perfection(n, min_accuracy):
    assert chosen(n).min_accuracy == min_accuracy
    assert chosen(n).min_accuracy >= max(n) / sum(n) - 0.01


@pytest.mark.parametrize(("n_new", "window"), [(341, 200), (230, 200), (60, 50), (24, 20), (5, 20)])
def test_the_new_images_fill_a_window_even_if_some_are_broken(n_new, window):
    assert chosen(n_new=n_new).window == window


@pytest.mark.parametrize("machine", [LAPTOP, WITH_GPU])
@pytest.mark.parametrize("is_held_back", [False, True])
def test_the_file_loads_and_each_setting_has_its_reason(tmp_path, machine, is_held_back):
    folder = folder_of(tmp_path / "my hats\n", is_held_back=is_held_back)
    file = tmp_path / "my_hats.yaml"

    text = text_of(folder, tmp_path, machine)
    file.write_text(text, encoding="utf-8")

    config = load_pipeline(file)
    assert config.name == "my_hats"
    assert config.stages.training.url == f"file://{tmp_path}/train/"
    assert config.stages.incoming.url == f"file://{tmp_path}/new/"
    assert config.notify.emails == ("me@example.com",)
    assert config.schedule is None
    assert config.drift.window == 30
    assert config.inference.max_tasks == (2 if machine is LAPTOP else 128)
    assert config.model.architecture == ("resnet18" if machine.has_gpu else "small_cnn")
    settings = [line for line in text.splitlines() if re.match(r" *[a-z_]+: .", line)]
    unexplained = [line.split(":")[0].strip() for line in settings if "  # " not in line]
    assert unexplained == ["name", "url", "name", "url"]  # the stages, which have lines of their own
    assert text.count("<--") == 5  # what it is, and the four lines that are to be changed
    assert max(len(line) for line in text.splitlines() if str(tmp_path) not in line) <= 120


def test_a_folder_whose_name_no_stage_can_have_is_told(tmp_path):
    text = text_of(folder_of(tmp_path / "hats"), tmp_path)
    with_space = text_of(folder_of(tmp_path / "my hats"), tmp_path)

    assert f"Yours: file://{tmp_path}/hats/train/\n" in text
    assert "my hats/train/ (as soon as its name has no spaces" in with_space


@pytest.mark.parametrize(
    "name", ["a\nname: other\n", "\x1b[31m", "\u2028", "# : '\"", "{{ x }} {% y %}", "%s", "猫🐈", "null"]
)
def test_names_of_folders_and_classes_cannot_leave_their_comment(tmp_path, name):
    file = tmp_path / "x.yaml"
    folder = folder_of(tmp_path / name, labels=(name, "b"))

    file.write_text(text_of(folder, tmp_path), encoding="utf-8")

    config = load_pipeline(file)
    assert config.name == pipeline_name(folder.root)
    assert config.stages.training.url == f"file://{tmp_path}/train/"


def test_torch_is_not_imported_to_look_for_a_gpu():
    program = "import sys; from include.commands.new.machine import this_machine; print(this_machine().n_cores > 0)"
    program += "; from include.commands.demo import telling; print('torch' in sys.modules, 'PIL' in sys.modules)"

    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()

    assert told[0] == "True"
    if not machine_module._has_nvidia():
        assert told[1:] == ["False", "False"]


def test_a_gpu_counts_when_torch_can_use_it(tmp_path, monkeypatch):
    import torch

    listing = tmp_path / "nvidia-smi"
    listing.write_text("#!/bin/sh\necho 'GPU 0: one'\n")
    listing.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(machine_module, "_DRIVER", tmp_path / "no driver")

    assert this_machine().has_gpu == torch.cuda.is_available()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert this_machine().has_gpu
    listing.write_text("#!/bin/sh\necho 'no devices were found' >&2; exit 6\n")
    assert not this_machine().has_gpu
    assert str(Machine(n_cores=1, has_gpu=True)) == "1 core and a GPU"
