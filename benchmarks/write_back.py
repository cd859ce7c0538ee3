"""What it takes to commit a million answers, and to follow a stage of 100,000 files: `python -m benchmarks.write_back`.

Through the real connector, against an embedded warehouse in a process of its own, a new one for each run. Rows of one
kind are measured in turn, so that whatever else the machine does meets all of them.
"""

import argparse
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import psutil
from snowflake.connector.cursor import SnowflakeCursor

from benchmarks.figures import RESULTS, Figure, as_markdown, figure_of, write
from benchmarks.own_warehouse import OwnWarehouse, own_warehouse
from benchmarks.peaks import Peaks, watched
from benchmarks.staged_downloads import presigned_urls, server_ms_per_file
from benchmarks.write_back_rows import write_answers, write_images
from include.catalog.plan import pending_images
from include.catalog.sync import sync_stage
from include.warehouse.identifiers import quote_identifier
from include.warehouse.write_back import commit_predictions

N_ANSWERS = 1_000_000
N_ANSWER_FILES = 128
"""The most that a run has."""
N_STAGED = 100_000
N_CHANGED = 100
N_DOWNLOADS = 3_000
DOWNLOAD_BYTES = 40_000

_COMMIT_S = {1_000_000: 20.0, 100_000: 4.0, 10_000: 2.0}
_STATEMENTS = 8
_MEMORY_MIB = 500.0
_SYNC_S = 3.0
_LISTING_S = 10.0
_PLAN_S = 1.0
_FILES_PER_S = 1_680.0
"""Three times as many as were served before anybody looked."""
_SERVER_MS = 0.5

Values = defaultdict[str, list[float]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.write_back", description=__doc__)
    parser.add_argument("-n", "--runs", type=int, default=3, help="how often to measure (default: %(default)s)")
    options = parser.parse_args(arguments)
    machine = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start"
    with tempfile.TemporaryDirectory(prefix="driftgate-bench-") as folder:
        values = measured(Path(folder), n_runs=options.runs)
    figures = figures_of(values, machine=machine)
    write(figures, RESULTS / "write_back.json")
    print(as_markdown(figures))


def measured(folder: Path, *, n_runs: int) -> Values:
    """Return the values of each measure, one a run."""
    answers = {
        n: write_answers(folder / f"answers-{n}", stage="INCOMING", n_answers=n, n_files=N_ANSWER_FILES)
        for n in sorted(_COMMIT_S)
    }
    values: Values = defaultdict(list)
    [client_before] = Peaks([psutil.Process()]).in_mib()
    for run in range(n_runs):
        root = folder / f"commits-{run}"
        root.mkdir()
        with own_warehouse(root) as own:
            before = [client_before, *Peaks([own.server]).in_mib()]
            for n, files in answers.items():
                _measure_commit(own, n, files, values, before=before)
        root = folder / f"stage-{run}"
        root.mkdir()
        with own_warehouse(root) as own:
            _measure_sync(own, root / "new", values)
            _measure_downloads(own, root / "train", values)
    return values


def figures_of(values: Values, *, machine: str) -> list[Figure]:
    """Return the table."""
    of_files = f"in {N_ANSWER_FILES} files of ten scores and 16 features each"
    staged = f"{N_STAGED:,} known files"
    rows: list[tuple[str, str, float, str]] = [
        *((f"write-back of {n:,} answers", "s", reach, of_files) for n, reach in sorted(_COMMIT_S.items())[::-1]),
        (f"write-back of {N_ANSWERS:,} answers: computing", "s", 40.0, "of client and server, on all cores"),
        (f"write-back of {N_ANSWERS:,} answers: statements", "statements", _STATEMENTS, "all that the client sends"),
        (f"write-back of {N_ANSWERS:,} answers: memory of the client", "MiB", _MEMORY_MIB, "growth of its peak"),
        (f"write-back of {N_ANSWERS:,} answers: memory of the server", "MiB", _MEMORY_MIB, "growth of its peak"),
        (f"listing of {staged}", "s", _LISTING_S, "ALTER STAGE … REFRESH alone"),
        (f"sync of {staged}, {N_CHANGED} changed, beyond the listing", "s", _SYNC_S, ""),
        (f"sync of {staged}, none changed, beyond the listing", "s", _SYNC_S, ""),
        (f"plan of {staged}, none new", "s", _PLAN_S, ""),
        ("signed URLs: computing of the server", "ms/file", _SERVER_MS, f"files of {DOWNLOAD_BYTES:,} bytes"),
    ]
    figures = [
        figure_of(measure, values[measure], unit=unit, better="lower", reach=reach, note=_joined(note, machine))
        for measure, unit, reach, note in rows
    ]
    served = "signed URLs: served over 8 connections"
    note = _joined("a client that does nothing but read", machine)
    return [
        *figures,
        figure_of(served, values[served], unit="files/s", better="higher", reach=_FILES_PER_S, note=note),
    ]


def _joined(note: str, machine: str) -> str:
    return f"{note}; {machine}" if note else machine


def _measure_commit(own: OwnWarehouse, n: int, files: list[Path], values: Values, *, before: list[float]) -> None:
    name = f"write-back of {n:,} answers"
    with counted_statements() as n_statements, watched([psutil.Process(), own.server]) as peaks:
        started, computed = time.monotonic(), _computed_s(own)
        n_new = commit_predictions(own.warehouse, files, run_id=f"run {n}", work_path=f"work{n}")
        values[name].append(time.monotonic() - started)
        values[f"{name}: computing"].append(_computed_s(own) - computed)
    # the smaller ones are answers to some of the same images
    if not 0 < n_new <= n:
        raise RuntimeError(f"{n} answers were to be committed, not {n_new}")
    client, server = (peak - at_first for peak, at_first in zip(peaks.in_mib(), before, strict=True))
    values[f"{name}: statements"].append(len(n_statements))
    values[f"{name}: memory of the client"].append(client)
    values[f"{name}: memory of the server"].append(server)


@contextmanager
def counted_statements() -> Iterator[list[str]]:
    """Note each statement that the connector sends, those too that it sends by itself to move files."""
    sent: list[str] = []
    send = SnowflakeCursor._execute_helper

    def note(cursor: SnowflakeCursor, query: str, *arguments: object, **options: object) -> object:
        sent.append(query)
        return send(cursor, query, *arguments, **options)

    with patch.object(SnowflakeCursor, "_execute_helper", note):
        yield sent


def _measure_sync(own: OwnWarehouse, folder: Path, values: Values) -> None:
    known = f"{N_STAGED:,} known files"
    stage = own.config.stages.incoming
    write_images(folder, n_files=N_STAGED, n_bytes=200)

    def list_files() -> None:
        own.warehouse.run("catalog/refresh_stage", identifiers={"stage": quote_identifier(stage.name)})

    def sync(n_changed: int) -> None:
        result = sync_stage(own.warehouse, stage, labels=None, accept_removals=False)
        if result.n_changed != n_changed:
            raise RuntimeError(f"{n_changed} files were to be new or changed, not {result.n_changed}")

    sync(N_STAGED)
    _answer_all(own)
    listing = _seconds(list_files)
    values[f"listing of {known}"].append(listing)
    values[f"sync of {known}, none changed, beyond the listing"].append(_seconds(lambda: sync(0)) - listing)
    write_images(folder, n_files=N_CHANGED, n_bytes=201, seed="changed")
    list_files()  # reads what has changed
    listing = _seconds(list_files)
    seconds = _seconds(lambda: sync(N_CHANGED)) - listing
    values[f"sync of {known}, {N_CHANGED} changed, beyond the listing"].append(seconds)
    _answer_all(own)
    values[f"plan of {known}, none new"].append(_seconds(lambda: _plan_nothing(own)))


def _answer_all(own: OwnWarehouse) -> None:
    """Let version 1 be champion and have answered every image."""
    with own.warehouse._connection.cursor() as cursor:
        cursor.execute("DELETE FROM MODEL_EVENTS")
        cursor.execute("INSERT INTO MODEL_EVENTS SELECT 1, 'PROMOTED', 1, NULL, 'me', NULL, 'r', SYSDATE(), NULL")
        cursor.execute("DELETE FROM PREDICTIONS")
        cursor.execute(
            "INSERT INTO PREDICTIONS "
            "SELECT STAGE, RELATIVE_PATH, ETAG, 1, 'a', 0.5, PARSE_JSON('[1]'), SYSDATE(), 'r', "
            "ROW_NUMBER() OVER (ORDER BY RELATIVE_PATH, ETAG), 1, 1, 1, 1, 1, NULL, TRUE FROM IMAGES"
        )


def _plan_nothing(own: OwnWarehouse) -> None:
    if pending := pending_images(own.warehouse, own.config):
        raise RuntimeError(f"nothing was to be pending, not {len(pending)} images")


def _measure_downloads(own: OwnWarehouse, folder: Path, values: Values) -> None:
    write_images(folder, n_files=N_DOWNLOADS, n_bytes=DOWNLOAD_BYTES)
    urls = presigned_urls(own, own.config.stages.training.name)
    per_s, server_ms = server_ms_per_file(own, urls, n_bytes=DOWNLOAD_BYTES)
    values["signed URLs: served over 8 connections"].append(per_s)
    values["signed URLs: computing of the server"].append(server_ms)


def _seconds(work: Callable[[], None]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


def _computed_s(own: OwnWarehouse) -> float:
    server, here = own.server.cpu_times(), os.times()
    return float(server.user + server.system + here.user + here.system)


if __name__ == "__main__":
    main()
