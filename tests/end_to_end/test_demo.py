"""The README's first command."""

import json
import subprocess
from pathlib import Path

import pytest
from PIL import Image
from running_instance import COMMAND, RunningInstance

pytestmark = pytest.mark.end_to_end


def test_the_demo_goes_from_pictures_to_answers(
    instance: RunningInstance, tmp_path: Path, free_ports: list[int]
) -> None:
    environment = {**instance.environment, "DRIFTGATE_STATE": str(tmp_path)}
    for variable in ("DRIFTGATE_PIPELINES", "DRIFTGATE_AIRFLOW_PORT", "DRIFTGATE_WAREHOUSE_PORT"):
        environment.pop(variable)

    def driftgate(*arguments: str) -> str:
        done = subprocess.run([COMMAND, *arguments], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    airflow_port, warehouse_port = map(str, free_ports)
    try:
        told = driftgate("demo", "--airflow-port", airflow_port, "--warehouse-port", warehouse_port)

        summary = json.loads((tmp_path / "demo" / "summary.json").read_text())
        assert set(summary) >= {"versions", "accuracies", "predictions", "seconds"}
        assert summary["versions"] == [1]
        assert summary["predictions"] == 297
        assert summary["accuracies"]["test"] >= 0.97
        assert summary["accuracies"]["new_images"] >= 0.97
        assert Image.open(tmp_path / "demo" / "contact_sheet.png").size > (300, 300)
        for shown in ("SELECT", "RELATIVE_PATH", "make down", f"http://127.0.0.1:{airflow_port}", "epoch 1/"):
            assert shown in told
        (pipeline,) = json.loads(driftgate("status", "--demo", "--json"))["pipelines"]
        assert (pipeline["n_answered"], pipeline["n_pending"]) == (297, 0)
    finally:
        driftgate("down", "--demo")
