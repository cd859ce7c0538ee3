"""The copy of a schema that each test gets is what `setup` makes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from driftgate.hooks import WarehouseHook
from include.config import PipelineConfig
from include.warehouse.session import Warehouse
from include.warehouse.setup import run_setup

COLUMNS = """
SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, IS_NULLABLE, CHARACTER_MAXIMUM_LENGTH
FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = %(schema)s ORDER BY 1, 2
"""
VIEWS = """
SELECT TABLE_NAME, VIEW_DEFINITION FROM INFORMATION_SCHEMA.VIEWS WHERE TABLE_SCHEMA = %(schema)s ORDER BY 1
"""
STAGES = "SHOW STAGES"


def found(warehouse: Warehouse, schema: str) -> dict[str, list[Any]]:
    """Return all that a user sees of a schema, without its name."""
    cursor = warehouse._connection.cursor()
    stages = cursor.execute(STAGES).fetchall()
    names = [column.name for column in cursor.description]
    return {
        "columns": cursor.execute(COLUMNS, {"schema": schema}).fetchall(),
        "views": [
            (name, str(definition).replace(schema, "…"))
            for name, definition in cursor.execute(VIEWS, {"schema": schema}).fetchall()
        ],
        "stages": sorted(
            (row[names.index("name")], row[names.index("type")], row[names.index("directory_enabled")])
            for row in stages
            if row[names.index("schema_name")] == schema
        ),
        "grants": [
            tuple(str(field).replace(schema, "…") for field in row[1:])
            for role in ("PIPELINE", "READER")
            for row in cursor.execute(f"SHOW GRANTS TO ROLE TESTS_{schema}_{role}").fetchall()
        ],
        "lock": cursor.execute("SELECT LOCK_ID, N_HOLDERS FROM PIPELINE_LOCK").fetchall(),
    }


def test_a_copy_is_what_setup_makes(
    warehouse: Warehouse, config: PipelineConfig, new_config: Callable[[Path], PipelineConfig], tmp_path: Path
) -> None:
    other = new_config(tmp_path)
    with WarehouseHook.for_pipeline(other).session() as session:
        run_setup(session, other)
        made = found(session, other.schema_name)

    copied = found(warehouse, config.schema_name)

    assert len(made["columns"]) > 80
    assert len(made["views"]) >= 6
    assert len(made["stages"]) == 4
    assert len(made["grants"]) > 40
    assert copied == made
