"""The README's first command."""

import json

import pytest
from PIL import Image

from tests.ui.demo_instance import DemoInstance

pytestmark = pytest.mark.end_to_end


def test_the_demo_tells_the_whole_story(demo: DemoInstance) -> None:
    if not demo.told:
        pytest.skip("the demo was told before, and much may have happened since")

    summary = json.loads((demo.state.root / "summary.json").read_text())
    assert set(summary) >= {"versions", "accuracies", "predictions", "verdicts", "actions", "mails", "seconds"}
    assert summary["versions"] == [1, 2, 3]
    assert summary["champions"] == [1, 1, 1, 1, 2, 2, 2, 1, 1]
    # 200, 397 and 200 images, the 397 once more by the second champion, the last 200 once more by the first
    assert summary["predictions"] == 1394
    assert summary["pending"] == 0
    *verdicts, cured, after_rollback = zip(summary["verdicts"], summary["actions"], strict=True)
    assert verdicts == [("STABLE", "NONE"), ("DATA_DRIFT", "REQUEST_LABELS"), ("DATA_DRIFT", "REQUEST_RETRAINING")]
    # The second champion's baseline has turned digits, its window none: some networks see another mix in that.
    assert cured in {("STABLE", "NONE"), ("MIX_CHANGED", "NONE")}
    assert after_rollback == ("INSUFFICIENT_DATA", "NONE")
    accuracies = summary["accuracies"]
    assert accuracies["test"] >= 0.95
    assert accuracies["new_images"] >= 0.95
    assert accuracies["turned_before"] < 0.3
    assert accuracies["turned_after"] > 0.9
    assert accuracies["turned_after_rollback"] < 0.3
    events = [row["event"] for row in summary["ledger"]]
    assert events.count("PROMOTED") == 2
    assert events[-3:] == ["REGISTERED", "GATE_FAILED", "ROLLED_BACK"]
    subjects = " | ".join(mail["subject"] for mail in summary["mails"])
    for word in ("champion", "labels are wanted", "a retraining is asked for", "refused", "rolled back"):
        assert word in subjects
    reports = [demo.state.store / "digits" / path for path in summary["reports"]]
    assert len(reports) >= 2
    assert all(b"DATA_DRIFT" in path.read_bytes() or b"STABLE" in path.read_bytes() for path in reports)
    assert Image.open(demo.state.root / "contact_sheet.png").size > (300, 300)
    for shown in ("SELECT", "RELATIVE_PATH", "make down", demo.url, "epoch 1/"):
        assert shown in demo.told
    (pipeline,) = demo.json("status")["pipelines"]
    assert pipeline["champion"]["version"] == 1
    assert (pipeline["n_answered"], pipeline["n_pending"]) == (797, 0)
