"""What `make bench-inference`, `bench-training` and `bench-startup` measure, and how they tell it: smoke runs."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from benchmarks.figures import as_markdown, figure_of, write
from benchmarks.inference.comparison import RAY_BFLOAT16, Comparison, Round
from benchmarks.inference.driftgate_runs import Inference, ProcessorTime
from benchmarks.inference.limit import Limit
from benchmarks.inference.networks import NETWORKS, MadeNetwork
from benchmarks.inference.peers import GUIDE, images_per_second, images_per_second_after_first
from benchmarks.inference.table import comparison_figures, memory_figures
from benchmarks.photos import Photo, generate_photos, read_photos, spread, stage_photos
from benchmarks.standby import standby
from benchmarks.startup import shares_of
from include.commands.airflow_answers import LogLine

ROOT = Path(__file__).parents[3]
GIB = 2**30


def run_quick(benchmark: str, results: Path, *options: str) -> list[dict[str, Any]]:
    subprocess.run(
        [sys.executable, "-m", benchmark, "--quick", "--results", results, *options],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    name = benchmark.removeprefix("benchmarks.")
    assert (results / f"{name}.md").read_text().startswith("| measure |")
    rows: list[dict[str, Any]] = json.loads((results / f"{name}.json").read_text())
    return rows


def figure(rows: list[dict[str, Any]], part: str) -> dict[str, Any]:
    return next(row for row in rows if part in row["measure"])


@pytest.mark.slow
def test_inference_is_measured_against_the_limit_and_its_table_is_written(tmp_path: Path) -> None:
    rows = run_quick("benchmarks.inference", tmp_path, "--networks", "small_cnn")

    share = figure(rows, "the small CNN at 96 px: end-to-end inference of the machine's limit")
    assert 0 < share["value"] < 2
    assert share["reach"] == 0.8
    assert "96 photos a run" in share["note"]
    assert figure(rows, "signed URLs")["value"] > 0
    assert abs(figure(rows, "accuracy given up")["value"]) <= 100
    assert 0.1 < figure(rows, "peak memory beside the model, 48 photos")["value"] < 4


@pytest.mark.slow
def test_training_races_the_reference_and_its_table_is_written(tmp_path: Path) -> None:
    rows = run_quick("benchmarks.training", tmp_path)

    share = figure(rows, "time from JPEG files")
    assert share["value"] > 0
    assert share["reach"] == 0.4
    assert "in 1 epochs against" in share["note"]


def measured(*, limit: float, many: float, guide: float) -> Round:
    """Return a round in which Driftgate answers so many images a second, and takes a second to start."""
    return Round(
        limit=Limit(2 * limit, 2 * limit, "Pillow", "eager", {"Pillow": 2 * limit, "eager": 2 * limit, "broken": 0.0}),
        many=Inference(3000, 3000 / many, ProcessorTime(1.5, 3.0), GIB, GIB // 2, {}),
        few=Inference(600, 1 + (600 / 3000) * (3000 / many - 1), ProcessorTime(0.3, 0.6), GIB, GIB // 2, {}),
        peers={GUIDE.title: guide, RAY_BFLOAT16: guide},
    )


def test_ratios_are_taken_within_a_round_and_told_as_their_median() -> None:
    made = MadeNetwork(Path(), "", Path(), 0)
    rounds = [measured(limit=100, many=80, guide=10), measured(limit=50, many=46, guide=5)]

    rows = comparison_figures(Comparison(NETWORKS[0], made, rounds[1].few, rounds), machine="2 cores")

    of_limit, slope, rate, first, _, guide, ray = rows
    assert (of_limit.value, of_limit.spread, of_limit.is_reached) == (pytest.approx(0.86), pytest.approx(0.12), False)
    assert "broken disagrees" in of_limit.note
    assert "1000 in the decoders" in of_limit.note
    assert "500 in the task" in of_limit.note
    assert slope.value > of_limit.value
    assert (rate.value, rate.reach) == (pytest.approx(63), None)
    assert (first.value, first.reach) == (pytest.approx(rounds[1].few.images_per_second), None)
    assert (guide.value, guide.reach, guide.is_reached) == (pytest.approx(8.6), 4.5, True)
    assert ray.reach == 1.5


def test_memory_is_told_beside_the_model_and_has_to_be_flat() -> None:
    processor = ProcessorTime(0.1, 0.1)
    first = Inference(12, 9.0, processor, int(1.5 * GIB), GIB // 2, {})
    few = Inference(3, 1.0, processor, int(0.9 * GIB), GIB // 2, {})
    many = Inference(12, 1.0, processor, int(1.3 * GIB), GIB // 2, {})

    of_few, of_many, of_first, growth = memory_figures("net", first, few, many, model_bytes=GIB // 10)

    assert "0.50 GiB of it are no pages of files" in of_few.note
    assert (of_few.value, of_few.is_reached) == (pytest.approx(0.8), True)
    assert (of_many.value, of_many.is_reached) == (pytest.approx(1.2), False)
    assert (of_first.value, of_first.is_reached) == (pytest.approx(1.4), False)
    assert (growth.value, growth.is_reached) == (pytest.approx(0.4), False)


def test_a_peer_is_measured_without_its_start() -> None:
    answers = {100: {"n": 100, "seconds": 12.0}, 400: {"n": 400, "seconds": 18.0}}

    assert images_per_second(lambda size: answers[size], (100, 400)) == 50


def test_a_peer_that_starts_slowly_is_measured_from_its_first_batch_on() -> None:
    answer = {"n": 400, "seconds": 50.0, "first": {"n": 40, "seconds": 41.0}}

    assert images_per_second_after_first(lambda _size, _how: answer, 400, "bfloat16") == 40


def test_a_process_on_standby_prepares_once_and_tells_when_it_fails() -> None:
    def prepare() -> Any:
        asked: list[int] = []

        def work(number: int) -> list[int]:
            asked.append(100 // number)
            return asked

        return work

    with standby(prepare) as ask:
        assert ask(50) == [2]
        assert ask(20) == [2, 5]
        with pytest.raises(RuntimeError, match="has ended"):
            ask(0)


def test_photos_are_staged_over_and_over_and_no_two_files_are_equal(tmp_path: Path) -> None:
    photos = generate_photos(tmp_path / "generated", n_photos=12)

    stage_photos(photos, tmp_path / "stage", n_photos=30)

    files = sorted((tmp_path / "stage").rglob("*.jpg"))
    assert len(files) == len({file.read_bytes() for file in files}) == 30
    assert read_photos(tmp_path / "generated") == photos
    with Image.open(files[-1]) as image:
        assert image.size == (400, 533)
    assert 10_000 < files[0].stat().st_size < 300_000


def test_a_share_of_the_photos_has_all_classes(tmp_path: Path) -> None:
    photos = [Photo(tmp_path / f"{number}", f"class {number // 10}") for number in range(100)]

    assert {photo.label for photo in spread(photos, 10)} == {photo.label for photo in photos}
    assert spread(photos, 1_000) == photos


def test_a_folder_without_classes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "only.jpg").touch()

    with pytest.raises(ValueError, match="1 JPEG files of fewer than two classes"):
        read_photos(tmp_path)


def log_of(start: float, connected: float, end: float) -> list[LogLine]:
    def line(at: float, text: str) -> LogLine:
        return LogLine(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=at), "info", "", "", text, None)

    return [
        line(start - 1, "::group::Pre Execute"),
        line(start, "::endgroup::"),
        line(connected, "Connecting to GLOBAL Snowflake domain"),
        line(end, "::group::Post Execute"),
        line(end + 1, "::endgroup::"),
    ]


def test_what_tasks_do_beside_each_other_counts_once() -> None:
    logs = [log_of(1, 2, 5), log_of(4, 4.5, 8), log_of(10, 10.5, 12), []]

    shares = shares_of(20.0, logs)

    assert (shares.n_tasks, shares.working, shares.connecting) == (4, 9.0, 2.0)
    assert shares.startup_share == pytest.approx(1 - 7 / 20)


def test_a_figure_that_has_nothing_to_reach_is_only_reported(tmp_path: Path) -> None:
    reported = figure_of("tasks", [6.0], unit="tasks", better="lower", reach=None)

    write([reported], tmp_path / "one.json", remarks=["No GPU."])

    assert json.loads((tmp_path / "one.json").read_text())[0]["reach"] is None
    assert as_markdown([reported]).splitlines()[2] == "| tasks | 6 tasks | - | - | 1 | 0 |  |"
    assert (tmp_path / "one.md").read_text().endswith("|\n\nNo GPU.\n")
