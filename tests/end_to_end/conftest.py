"""One running instance for all end-to-end tests: the real warehouse, scheduler, DAG processor and API server.

It is started and ended by the command itself, on free ports, in a temporary folder. A test that needs a pipeline of its
own calls `instance.write_pipeline` and puts images into `instance.images(name, stage)`.
"""

from collections.abc import Iterator

import pytest
from running_instance import COMPONENTS, RunningInstance, unused_ports, users_environment

from include.commands.local.digits import write_digits


@pytest.fixture(scope="session")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningInstance]:
    """The running instance, with the pipelines `digits` (ready to train), `empty` (no folders) and a wrong file."""
    root = tmp_path_factory.mktemp("instance")
    airflow_port, warehouse_port, mail_port = unused_ports(3)
    environment = {
        **users_environment(),
        "DRIFTGATE_STATE": str(root / "state"),
        "DRIFTGATE_PIPELINES": str(root / "pipelines"),
        "DRIFTGATE_AIRFLOW_PORT": str(airflow_port),
        "DRIFTGATE_WAREHOUSE_PORT": str(warehouse_port),
        "DRIFTGATE_MAIL_PORT": str(mail_port),
    }
    running = RunningInstance(root, environment)
    _write_inputs(running)
    try:
        started = running.json("up")
        assert started["started"] == COMPONENTS
        yield running
        # The last test of all: `down` ends what was started, with all that this started.
        ran = running.processes()
        told = running.driftgate("down").stdout
        assert len(ran) >= len(COMPONENTS)
        assert all(name in told for name in COMPONENTS)
        assert running.processes() == []
    finally:
        running.driftgate("down")


@pytest.fixture
def free_ports() -> list[int]:
    """Three ports of this machine on which nobody listens."""
    return unused_ports(3)


def _write_inputs(running: RunningInstance) -> None:
    running.write_pipeline(
        "digits",
        preprocessing={"size": 16},
        training={"n_epochs": 6, "batch_size": 32, "horizontal_flip": False},
        gate={"min_accuracy": 0.5},
    )
    running.write_pipeline("empty")
    (running.pipelines / "wrong.yaml").write_text("name: wrong\nmodel: {architecture: resnet1}\n", encoding="utf-8")
    write_digits(running.images("digits", "train"), running.images("digits", "new"), n_training=400, n_new=50)
