import json

from benchmarks.demo import _STEPS, figures_of
from benchmarks.figures import write

FIELDS = {"measure", "value", "unit", "reach", "better", "n", "spread", "against", "note"}


def summary(total, accuracy):
    seconds = {**dict.fromkeys(_STEPS, 1.0), "total": total}
    return {
        "seconds": seconds,
        "accuracies": {"test": accuracy, "new_images": 0.99, "turned_before": 0.1, "turned_after": 0.98},
        "tasks": {"training": [{"task_id": "open_run", "seconds": 0.1}, {"task_id": "train", "seconds": 20.0}]},
        "hop_seconds": {"training": 0.2},
        "mail_seconds": {"drift": 2.0, "labels": 4.0},
    }


def test_the_figures_are_medians_with_what_they_have_to_reach(tmp_path):
    figures = figures_of([summary(100, 0.98), summary(200, 0.96), summary(120, 0.99)], note="2 cores")

    write(figures, tmp_path / "results" / "demo.json")

    written = json.loads((tmp_path / "results" / "demo.json").read_text())
    assert all(set(row) == FIELDS for row in written)
    assert all(isinstance(row["value"], int | float) and isinstance(row["reach"], int | float) for row in written)
    total, accuracy = written[0], next(row for row in written if row["measure"].startswith("test accuracy"))
    assert (total["value"], total["reach"], total["better"], total["n"], total["spread"]) == (120, 360, "lower", 3, 100)
    warm = next(row for row in written if row["measure"].startswith("a warm task"))
    assert (warm["value"], warm["n"]) == (0.1, 3)
    told = next(row for row in written if row["measure"] == "from the end of a drift check to its mail")
    assert (told["value"], told["reach"], told["n"]) == (3.0, 15.0, 6)
    assert (accuracy["value"], accuracy["reach"], accuracy["better"]) == (0.98, 0.97, "higher")


def test_a_figure_that_is_not_reached_stands_in_the_table(tmp_path):
    write(figures_of([summary(361, 0.98)], note=""), tmp_path / "demo.json")

    table = (tmp_path / "demo.md").read_text().splitlines()
    assert "**no**" in table[2]
    assert all("**no**" not in row for row in table[3:])
