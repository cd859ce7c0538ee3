"""A pipeline that goes through both DAGs once, without Airflow, and what of it is compared with another one's."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from driftgate.hooks import WarehouseHook
from include.config import PipelineConfig
from include.store.files import FileStore
from include.warehouse.session import SQL_FOLDER, Warehouse
from include.warehouse.setup import run_setup

COLOURS = {"blue": (0, 0, 1), "green": (0, 1, 0), "red": (1, 0, 0)}
N_IN_A_CLASS = 10
N_INCOMING = 6
IDLE_TRANSACTION_S = 0.2
"""How long the lock of a dead task is held here: nobody who is alive is that slow."""

USER, PASSWORD = "me", "my password"
CONNECTION = "impatient"
"""The Airflow connection of these pipelines, to a warehouse that soon rolls back what a dead task has left open."""

NOT_COMPARED = {
    # When something was done: two pipelines do nothing at the same time.
    *("STARTED_AT", "FINISHED_AT", "FIRST_SEEN_AT", "QUARANTINED_AT", "WRITTEN_AT", "CREATED_AT", "HELD_AT", "AT"),
    *("PRED_TIMESTAMP", "CHECKED_AT", "REQUESTED_AT", "EXPIRES_AT", "DUE_AT", "NEXT_TRY_AT", "DELIVERED_AT"),
    *("COMPARED_AT", "DROPPED_AT", "GATE_AT", "PROMOTED_AT", "VALID_FROM", "VALID_TO"),
    # The pipeline's own schema and store are in it, or when its streams were made.
    *("FILE_URL", "CONFIG_DIGEST", "READ_AS"),
    # It counts who has held the lock, the dead among them.
    "N_HOLDERS",
}
"""Columns; all others are compared, the ids of runs, too, which are the same in both pipelines."""
NOT_COMPARED_INSIDE = {
    "CONFIG": ("name", "warehouse", "store"),
    "METRICS": ("training_seconds",),
    # METRICS are among what it is the digests of
    "EVIDENCE": ("digests",),
    "APPROVALS": ("at", "requested_at", "digests"),
    "PERIODS": ("valid_from", "valid_to"),
}
"""What is left out of columns that hold JSON, however deep it lies there, for the same reasons."""


class Pipeline(NamedTuple):
    """A pipeline that has gone through both DAGs once."""

    config: PipelineConfig
    warehouse: Warehouse

    @property
    def store(self) -> FileStore:
        return FileStore(self.config.store_url)

    def files(self) -> dict[str, Path]:
        """The files of the store, by their names in it."""
        root = Path(self.config.store_url)
        return {str(path.relative_to(root)): path for path in root.rglob("*") if path.is_file()}

    def query(self, sql: str) -> list[dict[str, Any]]:
        cursor = self.warehouse._connection.cursor()
        rows = cursor.execute(sql).fetchall()
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in rows]

    def contents(self, table: str) -> list[str]:
        """The rows of a table or view, as far as they are compared, sorted."""
        rows = self.query(f"SELECT * FROM {table}")  # noqa: S608 - a name from include/sql
        return sorted(json.dumps(_compared(row), sort_keys=True, default=str) for row in rows)


def _compared(row: dict[str, Any]) -> dict[str, Any]:
    compared = {name: value for name, value in row.items() if name not in NOT_COMPARED}
    for column, names in NOT_COMPARED_INSIDE.items():
        if compared.get(column) is not None:
            compared[column] = _without(json.loads(compared[column]), names)
    return compared


def _without(value: Any, names: tuple[str, ...]) -> Any:
    if isinstance(value, dict):
        return {name: _without(inside, names) for name, inside in value.items() if name not in names}
    return [_without(inside, names) for inside in value] if isinstance(value, list) else value


def made_by_setup(kind: str) -> list[str]:
    """The names of all tables, or views, that a pipeline has."""
    statements = [path.read_text() for path in sorted((SQL_FOLDER / "setup").glob("create_*.sql"))]
    found = [
        name
        for statement in statements
        for name in re.findall(rf"^CREATE .*\b{kind}\b(?: IF NOT EXISTS)? (\w+)", statement, re.MULTILINE)
    ]
    assert len(found) > 4
    return found


def put_shades(folder: Path) -> None:
    """Fill the stages' folders: shades of three colours, and in each a file that is no image."""
    for name in ("new", *(f"train/{label}" for label in COLOURS)):
        (folder / name).mkdir(parents=True)
    for label, (red, green, blue) in COLOURS.items():
        for number in range(N_IN_A_CLASS):
            shade = 90 + 14 * number
            picture = Image.new("RGB", (20, 20), (red * shade, green * shade, blue * shade))
            picture.save(folder / "train" / label / f"{number}.png")
        for number in range(N_INCOMING // len(COLOURS)):
            shade = 97 + 14 * number
            Image.new("RGB", (20, 20), (red * shade, green * shade, blue * shade)).save(
                folder / "new" / f"{label}{number}.png"
            )
    for broken in ("train/red/broken.png", "new/broken.png"):
        (folder / broken).write_bytes(b"no image")


def connection_to(port: int) -> str:
    """Return the Airflow connection to an embedded warehouse, or to a proxy before it."""
    extra = {"account": "embedded", "host": "127.0.0.1", "port": port, "protocol": "http"}
    return json.dumps({"conn_type": "snowflake", "login": USER, "password": PASSWORD, "extra": extra})


@contextmanager
def set_up(name: str, stages: Path) -> Iterator[Pipeline]:
    config = PipelineConfig.model_validate(
        {
            "name": name,
            "warehouse": {"conn_id": CONNECTION, "database": "TESTS"},
            "stages": {
                "training": {"name": "TRAINING_IMAGES", "url": f"file://{stages}/train/"},
                "incoming": {"name": "INCOMING_IMAGES", "url": f"file://{stages}/new/"},
            },
            "images": {"max_bad_fraction": 0.5},
            "preprocessing": {"size": 16},
            "training": {"n_epochs": 3, "batch_size": 16, "base_lr": 0.01},
            "gate": {"min_accuracy": 0.0},
            "notify": {"emails": ["anna@example.com"]},
            "promotion": {"approval": True},
            "store": {"url": str(stages / "store")},
        }
    )
    (stages / name).mkdir()
    with WarehouseHook.for_pipeline(config).session() as warehouse:
        run_setup(warehouse, config)
        yield Pipeline(config, warehouse)
