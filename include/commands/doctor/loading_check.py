"""A round trip: rows are put, copied and merged as each task does it, into a table that ends with the session."""

import secrets
from collections.abc import Iterable

from include.catalog.keys import ImageKey
from include.commands.doctor.findings import Found, Patient, missing, ok
from include.warehouse.loading import LOADED_KEYS, loaded_rows

_ROWS = (ImageKey("DOCTOR", "an umlaut/ü 1.png", "e1"), ImageKey("DOCTOR", "plain.png", "e2"))


def check_loading(patient: Patient) -> Iterable[Found]:
    """Rows come back from the warehouse as they went there."""
    warehouse = patient.warehouse
    warehouse.run("doctor/create_scratch")
    with loaded_rows(warehouse, LOADED_KEYS, _ROWS, work_path=f"doctor-{secrets.token_hex(8)}"):
        for _ in range(2):
            warehouse.alone(lambda: warehouse.run("doctor/merge_scratch"))
    came_back = tuple(warehouse.fetch("doctor/select_scratch", ImageKey))
    if came_back == _ROWS:
        yield ok("two rows were put, copied and merged under the pipeline's lock")
    else:
        yield missing(
            f"of two rows that were put, copied and merged, {len(came_back)} came back: {came_back}",
            mend="the account's settings of sessions, with Snowflake's support: nothing of ours explains it",
        )
