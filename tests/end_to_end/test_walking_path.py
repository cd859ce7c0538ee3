"""From images to answers, through the real scheduler and the REST API, by the command."""

import os
import signal
import time

import httpx
import psutil
import pytest
from end_to_end_instance import RunningInstance

pytestmark = pytest.mark.end_to_end


def test_from_images_to_answers(instance):
    # Given: a pipeline with labelled and new images, in a warehouse that knows nothing of it
    instance.driftgate("setup", "digits")

    # When: it is trained
    training = instance.json("train", "digits", "--reason", "the first")

    # Then: a version is champion, and the run tells so
    assert training["state"] == "success"
    assert "version 1 is champion" in training["outcome"]
    assert [task["state"] for task in training["tasks"]] == ["success"] * 8

    # When: the new images are classified
    first = instance.driftgate("infer", "digits")

    # Then: each has one answer, and the user saw what the tasks logged
    assert "predict[0] | success" in first.stdout
    (pipeline,) = instance.json("status", "digits")["pipelines"]
    assert pipeline["champion"]["version"] == 1
    assert pipeline["champion"]["metrics"]["accuracy"] >= 0.5
    assert (pipeline["n_answered"], pipeline["n_pending"], pipeline["n_predictions"]) == (50, 0, 50)

    # When: that is done again
    second = instance.json("infer", "digits")

    # Then: it ends after `plan`, says why, and no row is added
    assert "nothing new" in second["outcome"]
    assert instance.json("status", "digits")["pipelines"][0]["n_predictions"] == 50


def test_a_failed_run_says_what_to_do(instance):
    # Given: a pipeline that was never set up; then one that is, but whose folders are not there
    never_set_up = instance.driftgate("train", "empty", expect=1)
    instance.driftgate("setup", "empty", expect=None)
    without_folders = instance.driftgate("train", "empty", expect=1)

    # Then: the error names the task, the reason, the next step and where the log is
    assert "empty_training failed" in never_set_up.stderr
    assert "./driftgate setup" in never_set_up.stderr
    assert "/tasks/open_run" in never_set_up.stderr
    assert str(instance.images("empty", "train")) in without_folders.stderr
