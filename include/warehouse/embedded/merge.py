"""MERGE: DuckDB's own, which is one atomic statement and refuses to change a row twice, as Snowflake does."""

import pyarrow as pa
import pyarrow.compute as pc
from fakesnow.transforms.merge import operations
from sqlglot import exp

_ACTIONS = {"inserted": "INSERT", "updated": "UPDATE", "deleted": "DELETE"}


def merge_sql(merge: exp.Merge) -> str:
    """Return DuckDB's statement, which returns what it did with each row."""
    merge = merge.copy()
    for assignment in merge.find_all(exp.EQ):
        # DuckDB wants the target's column in SET without the target's name
        when = assignment.parent
        if isinstance(when, exp.Update) and isinstance(assignment.this, exp.Column):
            assignment.this.set("table", None)
    return f"{merge.sql(dialect='duckdb')} RETURNING merge_action"


def merge_counts(merge: exp.Merge, actions: pa.Table) -> pa.Table:
    """Return Snowflake's answer: one row, with a count for each operation that the statement has."""
    counted = {item["values"]: item["counts"] for item in pc.value_counts(actions.column(0)).to_pylist()}
    wanted = [name for name, clauses in operations(merge).items() if clauses]
    return pa.table({f"number of rows {name}": [counted.get(_ACTIONS[name], 0)] for name in wanted})
