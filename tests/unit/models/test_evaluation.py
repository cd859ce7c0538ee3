import io
import json

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import confusion_matrix, log_loss, precision_recall_fscore_support

from include.errors import ModelError
from include.models.calibration import softmax
from include.models.confusion_matrix import confusion_matrix_png
from include.models.evaluation import ClassMetrics, evaluate

# true:      a  a  a  b  b          predicted: a  a  b  b  a
LOGITS = np.array([[2.0, 0, 0], [3, 1, 0], [0, 1, 0], [0, 4, 0], [1, 0, 0]])
LABELS = np.array([0, 0, 0, 1, 1])


def test_figures_of_five_images_by_hand() -> None:
    evaluation = evaluate(LOGITS, LABELS, temperature=1.0, classes=("a", "b", "c"))

    assert evaluation.accuracy == pytest.approx(3 / 5)
    assert evaluation.n_images == 5
    assert evaluation.confusion_matrix == ((2, 1, 0), (1, 1, 0), (0, 0, 0))
    assert evaluation.per_class == (
        ClassMetrics("a", 3, precision=2 / 3, recall=2 / 3),
        ClassMetrics("b", 2, precision=1 / 2, recall=1 / 2),
        ClassMetrics("c", 0, precision=None, recall=None),
    )


def test_figures_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 6, 400)
    logits = rng.normal(size=(400, 6)) + 1.5 * np.eye(6)[labels]

    evaluation = evaluate(logits, labels, temperature=0.7, classes=tuple("abcdef"))

    predicted = logits.argmax(axis=1)
    precision, recall, _, n_images = precision_recall_fscore_support(labels, predicted)
    assert [metrics.precision for metrics in evaluation.per_class] == pytest.approx(list(precision))
    assert [metrics.recall for metrics in evaluation.per_class] == pytest.approx(list(recall))
    assert [metrics.n_images for metrics in evaluation.per_class] == list(n_images)
    assert np.array_equal(evaluation.confusion_matrix, confusion_matrix(labels, predicted))
    assert evaluation.negative_log_likelihood == pytest.approx(log_loss(labels, softmax(logits, temperature=0.7)))


def test_temperature_changes_confidence_but_not_accuracy() -> None:
    cold, hot = (evaluate(LOGITS, LABELS, temperature=t, classes=("a", "b", "c")) for t in (0.5, 3.0))

    assert cold.accuracy == hot.accuracy
    assert cold.mean_confidence > hot.mean_confidence
    assert cold.uncalibrated_calibration_error == hot.uncalibrated_calibration_error
    assert cold.expected_calibration_error != hot.expected_calibration_error


def test_metrics_are_json() -> None:
    evaluation = evaluate(LOGITS.astype(np.float32), LABELS, temperature=1.3, classes=("a", "b", "c"))

    metrics = json.loads(json.dumps(evaluation.as_metrics(), allow_nan=False))

    assert metrics["accuracy"] == pytest.approx(0.6)
    assert metrics["per_class"][2] == {"label": "c", "n_images": 0, "precision": None, "recall": None}
    assert metrics["confusion_matrix"][0] == [2, 1, 0]


@pytest.mark.parametrize(
    ("logits", "labels", "message"),
    [
        (LOGITS[:0], LABELS[:0], "no test images"),
        (LOGITS[:, :2], LABELS, r"shape \[5, 2\].*need \[5, 3\]"),
        (LOGITS, LABELS + 2, "run from 2 to 3"),
        (LOGITS * np.nan, LABELS, "not numbers"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(logits: np.ndarray, labels: np.ndarray, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        evaluate(logits, labels, temperature=1.0, classes=("a", "b", "c"))


@pytest.mark.parametrize("n_classes", [2, 10, 50])
def test_the_picture_of_a_confusion_matrix_has_room_for_its_classes(n_classes: int) -> None:
    names = [f"class {index}" for index in range(n_classes)]

    content = confusion_matrix_png(np.diag(range(n_classes)).tolist(), classes=names, title="digits, version 3")

    picture = Image.open(io.BytesIO(content))
    assert picture.format == "PNG"
    assert min(picture.size) >= max(300, 30 * n_classes)
    assert max(picture.size) <= 2500


def test_class_names_are_never_read_as_formulas() -> None:
    # $\frac$ alone is a syntax error in a formula
    content = confusion_matrix_png([[1, 2], [0, 3]], classes=["$\\frac$", "a\nb" * 40], title="$\\frac$ " * 30)

    assert content.startswith(b"\x89PNG")
