import json

import pytest

from benchmarks.figures import write
from benchmarks.garments import figures_of, main


def summary(accuracy, train_seconds, inference_seconds):
    return {
        "dataset": {
            "n_train": 3068,
            "n_new": 341,
            "test_accuracy": accuracy,
            "new_accuracy": 0.82,
            "train_seconds": train_seconds,
            "inference_seconds": inference_seconds,
        },
        "accuracies": {"turned_before": 0.2},
        "verdicts": ["STABLE", "DATA_DRIFT"],
    }


def test_the_figures_are_medians_with_what_they_have_to_reach(tmp_path):
    runs = [summary(0.80, 70.0, 14.0), summary(0.81, 200.0, 90.0), summary(0.82, 80.0, 15.0)]

    write(figures_of(runs, note="2 cores"), tmp_path / "garments.json")

    rows = {row["measure"]: row for row in json.loads((tmp_path / "garments.json").read_text())}
    accuracy = rows["test accuracy on garments, from random weights at 96 px"]
    training = rows["training on the garments (the task train)"]
    inference = rows["inference of 341 new garments, the whole run in the scheduler"]
    assert (accuracy["value"], accuracy["reach"], accuracy["better"], accuracy["n"]) == (0.81, 0.75, "higher", 3)
    assert (training["value"], training["reach"], training["spread"], training["note"]) == (80, 180, 130, "2 cores")
    assert (inference["value"], inference["reach"], inference["better"]) == (15, 60, "lower")
    assert "DATA_DRIFT" in rows["accuracy on the new garments"]["note"]


def test_without_a_folder_it_says_how_to_name_one(capsys):
    with pytest.raises(SystemExit) as ended:
        main([])

    assert ended.value.code == 2
    assert "make bench-garments DATASET=" in capsys.readouterr().err
