"""The history of checks that `evidently ui` shows."""

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from given_windows import answers, baseline_of, window_of

from include.drift.report.drawn_answers import DrawnSides, drawn_sides
from include.drift.report.history import keep_snapshot, run_evidently
from include.store.files import FileStore
from include.store.reports import WORKSPACE

HARMLESS = "\u2039b\u203acoats\u2039/b\u203a"
BASELINE = baseline_of(answers(np.random.default_rng(0), 350))


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(str(tmp_path / "garments"))


def sides(*, faded: float = 0.0) -> DrawnSides:
    return drawn_sides(BASELINE, window_of(answers(np.random.default_rng(1), 200, faded=faded)))


def keep(store: FileStore, check_id: str, *, verdict: str = "STABLE", faded: float = 0.0, hour: int = 10) -> str:
    shown = sides(faded=faded)
    snapshot = run_evidently(
        shown,
        name=f"{verdict} of version 3",
        at=datetime(2026, 1, 31, hour, tzinfo=UTC),
        tags=[verdict, "version 3"],
        metadata={"check": check_id, "reasons": "<b>coats</b>"},
    )
    return keep_snapshot(store, snapshot, pipeline="garments", check_id=check_id, numbers=shown.numbers)


def history(store: FileStore) -> Mapping[str, list[tuple[str, list[str], Mapping[str, str], int]]]:
    """What Evidently's server reads: the checks of each project, in their order."""
    from evidently.ui.service.storage.local.base import LocalState

    state = LocalState.load(f"{store.url}/{WORKSPACE}", None)
    return {
        project.name: sorted(
            ((s.name or "", s.tags, s.metadata, s.timestamp.hour) for s in state.snapshots[project.id].values()),
            key=lambda shown: shown[3],
        )
        for project in state.projects.values()
    }


def test_each_check_is_a_snapshot_in_the_pipeline_s_project(store: FileStore) -> None:
    keep(store, "c1")
    keep(store, "c2", verdict="DATA_DRIFT", faded=0.8, hour=11)

    assert history(store) == {
        "garments": [
            ("STABLE of version 3", ["STABLE", "version 3"], {"check": "c1", "reasons": HARMLESS}, 10),
            ("DATA_DRIFT of version 3", ["DATA_DRIFT", "version 3"], {"check": "c2", "reasons": HARMLESS}, 11),
        ]
    }


def test_a_check_that_is_repeated_is_there_once(store: FileStore) -> None:
    first = keep(store, "c1")

    assert keep(store, "c1", verdict="MIX_CHANGED") == first

    [(name, *_)] = history(store)["garments"]
    assert name == "MIX_CHANGED of version 3"


def test_the_dashboard_shows_means_from_check_to_check_and_stays_what_people_make_of_it(store: FileStore) -> None:
    project = Path(keep(store, "c1")).parents[1]
    dashboard = f"{project}/dashboard.json"
    titles = [panel["title"] for panel in json.loads(store.read(dashboard))["panels"]]
    assert titles[:2] == ["Mean confidence", "Mean short side"]
    store.write(dashboard, b'{"tabs": [], "panels": []}')

    keep(store, "c2")

    assert json.loads(store.read(dashboard)) == {"tabs": [], "panels": []}


def test_a_remote_store_has_the_same_files() -> None:
    store = FileStore("memory://bucket/garments")

    path = keep(store, "c1")

    assert store.exists(path)
    assert json.loads(store.read(path))["name"] == "STABLE of version 3"


def test_evidently_tells_its_makers_nothing(store: FileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DO_NOT_TRACK", raising=False)

    keep(store, "c1")

    assert os.environ["DO_NOT_TRACK"] == "1"
