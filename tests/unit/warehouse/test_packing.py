"""Several files of rows become one."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from include.errors import StoreError
from include.warehouse.packing import pack

SCHEMA = pa.schema([("STAGE", pa.string()), ("N", pa.int64())])


def write(file: Path, **columns: list[object]) -> Path:
    pa.parquet.write_table(pa.table(columns), file)
    return file


def test_rows_keep_their_order_and_get_their_places(tmp_path: Path) -> None:
    files = [
        write(tmp_path / "1.parquet", N=[7, 8], MORE=["x", "y"], STAGE=["s", None]),
        write(tmp_path / "2.parquet", STAGE=pa.array([], pa.string()), N=pa.array([], pa.int64())),
        write(tmp_path / "3.parquet", STAGE=["t"], N=[9]),
    ]

    pack(files, SCHEMA, tmp_path / "packed.parquet")

    assert pa.parquet.read_table(tmp_path / "packed.parquet").to_pydict() == {
        "STAGE": ["s", None, "t"],
        "N": [7, 8, 9],
        "PLACE": [1, 2, 3],
    }


@pytest.mark.parametrize("fault", ["no column N", "text for a number", "torn", "missing"])
def test_a_file_with_other_rows_is_named(tmp_path: Path, fault: str) -> None:
    file = tmp_path / "other.parquet"
    if fault == "no column N":
        write(file, STAGE=["s"])
    elif fault == "text for a number":
        write(file, STAGE=["s"], N=["seven"])
    elif fault == "torn":
        file.write_bytes(write(tmp_path / "whole.parquet", STAGE=["s"], N=[1]).read_bytes()[:-9])

    with pytest.raises(StoreError, match=r"other\.parquet does not hold rows with STAGE, N"):
        pack([file], SCHEMA, tmp_path / "packed.parquet")
