"""Policies on a past of given answers: a clean stretch, and then one in which the model is much less sure."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from given_answers import CLASSES, SURE, WINDOW, clean, evenly, in_turn, unsure

from include.config import PipelineConfig
from include.drift.backtest import backtest as backtesting
from include.drift.backtest import past_windows
from include.drift.backtest.backtest import Backtest, backtest
from include.drift.backtest.runs import has_backtest, record_backtest
from include.models.baseline import STATISTIC_EDGES, FeatureSample, Histogram
from include.warehouse.session import Warehouse

Query = Callable[..., list[tuple[Any, ...]]]
Store = Callable[..., None]
Run = Callable[..., Backtest]

START = datetime(2026, 3, 1, tzinfo=UTC)
BLUNT = {"min_accuracy_drop": 1.0}
"""Nothing is bad enough for such a policy."""


@pytest.fixture
def config(new_config: Callable[[Path], PipelineConfig], tmp_path: Path) -> PipelineConfig:
    config = new_config(tmp_path)
    return with_policy(config, drift={"window": WINDOW}, retraining={"min_new_labels": 5})


def with_policy(config: PipelineConfig, **parts: dict[str, Any]) -> PipelineConfig:
    changed = {name: getattr(config, name).model_copy(update=fields) for name, fields in parts.items()}
    return config.model_copy(update=changed)


def hour(n: float) -> datetime:
    return START + timedelta(hours=n)


@pytest.fixture
def champion_at(promoted: Callable[..., int], query: Query) -> Callable[..., int]:
    """A function that makes a new version champion at an hour of the past."""

    def make(n: float, **registered: Any) -> int:
        version = promoted(**registered)
        query(
            "UPDATE MODEL_EVENTS SET AT = %(at)s::TIMESTAMP_NTZ WHERE EVENT = 'PROMOTED' AND VERSION = %(version)s",
            at=hour(n).replace(tzinfo=None),
            version=version,
        )
        return version

    return make


@pytest.fixture
def store_answers(query: Query) -> Store:
    """A function that stores a version's answers, which are given evenly over an hour; their images are `<hour>/0`…."""

    def store(
        version: int,
        n: int,
        confidences: Sequence[float],
        *,
        given_at: float | None = None,
        looks: Sequence[Sequence[float]] | None = None,
        features: Sequence[Sequence[float]] | None = None,
        is_first: bool = True,
    ) -> None:
        begins = hour(n if given_at is None else given_at)
        rows = [
            [
                f"{n}/{place}",
                label,
                str(confidence),
                (begins + timedelta(hours=place / len(confidences))).isoformat(sep=" ")[:19],
                *(looks[place] if looks else [None] * 5),
                features[place] if features else None,
            ]
            for place, (label, confidence) in enumerate(zip(in_turn(len(confidences)), confidences, strict=True))
        ]
        query(
            "INSERT INTO PREDICTIONS (STAGE, RELATIVE_PATH, ETAG, VERSION, TYPE, CONFIDENCE, SCORES, PRED_TIMESTAMP, "
            "RUN_ID, COMMIT_SEQ, SHORT_SIDE, LONG_SIDE, BRIGHTNESS, CONTRAST, SHARPNESS, FEATURES, IS_FIRST) "
            "SELECT 'INCOMING_IMAGES', ROW_.VALUE[0]::VARCHAR, 'e', %(version)s, ROW_.VALUE[1]::VARCHAR, "
            "ROW_.VALUE[2]::FLOAT, PARSE_JSON('[1]'), ROW_.VALUE[3]::VARCHAR::TIMESTAMP_NTZ, %(run_id)s, "
            "(SELECT COALESCE(MAX(COMMIT_SEQ), 0) FROM PREDICTIONS) + ROW_.INDEX + 1, ROW_.VALUE[4]::FLOAT, "
            "ROW_.VALUE[5]::FLOAT, ROW_.VALUE[6]::FLOAT, ROW_.VALUE[7]::FLOAT, ROW_.VALUE[8]::FLOAT, "
            "NULLIF(ROW_.VALUE[9], PARSE_JSON('null')), %(is_first)s "
            "FROM TABLE(FLATTEN(INPUT => PARSE_JSON(%(rows)s))) AS ROW_",
            version=version,
            run_id=f"inference {n}",
            is_first=is_first,
            rows=json.dumps(rows),
        )

    return store


@pytest.fixture
def past(champion_at: Callable[..., int], store_answers: Store) -> int:
    """Four clean hours, and then two with drift, each of which fills a window; its version."""
    version = champion_at(0)
    for n in range(6):
        store_answers(version, n, clean(WINDOW) if n < 4 else unsure(WINDOW))
    return version


@pytest.fixture
def label(query: Query) -> Store:
    """A function that labels the first images of an hour, rightly or wrongly, at some time."""

    def give(n: int, n_images: int, *, at: float, rightly: bool, source: str = "random") -> None:
        rows = [
            [f"{n}/{place}", predicted if rightly else CLASSES[(place + 1) % len(CLASSES)]]
            for place, predicted in enumerate(in_turn(n_images))
        ]
        values = {"rows": json.dumps(rows), "at": hour(at).replace(tzinfo=None), "source": source}
        given = "FROM TABLE(FLATTEN(INPUT => PARSE_JSON(%(rows)s))) AS ROW_"
        query(
            "INSERT INTO LABELS (STAGE, RELATIVE_PATH, ETAG, LABEL, SOURCE, LABELLED_AT) SELECT 'INCOMING_IMAGES', "
            f"ROW_.VALUE[0]::VARCHAR, 'e', ROW_.VALUE[1]::VARCHAR, %(source)s, %(at)s::TIMESTAMP_NTZ {given}",
            **values,
        )
        query(
            "INSERT INTO IMAGES (STAGE, RELATIVE_PATH, ETAG, SIZE, CONTENT_SHA256, FIRST_SEEN_AT) SELECT "
            f"'INCOMING_IMAGES', ROW_.VALUE[0]::VARCHAR, 'e', 1, ROW_.VALUE[0]::VARCHAR, %(at)s::TIMESTAMP_NTZ {given}",
            **values,
        )

    return give


@pytest.fixture
def replayed(warehouse: Warehouse, config: PipelineConfig) -> Run:
    """A function that replays today's policy, and one with other fields beside it."""

    def run(
        drift: dict[str, Any] | None = None,
        *,
        retraining: dict[str, Any] | None = None,
        images: dict[str, Any] | None = None,
        **arguments: Any,
    ) -> Backtest:
        proposed = with_policy(config, drift=drift or {}, retraining=retraining or {}, images=images or {})
        given = {"since": None, "onset": None, "tell": lambda *_: None} | arguments
        return backtest(warehouse, {"today": config, "proposed": proposed}, **given)

    return run


def told(done: Backtest, policy: str = "today") -> list[tuple[float, str, str]]:
    """The alarms of a policy: the hours since the start, verdict and action."""
    return [
        (round((alarm.at - START) / timedelta(hours=1), 2), alarm.verdict, alarm.action)
        for alarm in done.policies[policy].alarms
    ]


def test_todays_policy_alarms_at_the_first_window_with_drift_and_a_blunt_one_does_not(past: int, replayed: Run) -> None:
    done = replayed(BLUNT, onset=hour(4))

    # the labels that were asked for because of the first one would be enough, so the second one asks nobody
    assert told(done) == [(4.98, "DATA_DRIFT", "REQUEST_LABELS")]
    assert told(done, "proposed") == []
    today, blunt = done.policies.values()
    assert (today.n_windows, blunt.n_windows, today.n_windows_after_onset) == (6, 6, 2)
    assert today.detection is not None
    assert (today.detection.n_windows, today.detection.n_answers, today.detection.verdict) == (1, WINDOW, "DATA_DRIFT")
    assert today.detection.after == timedelta(minutes=59)
    assert blunt.detection is None
    assert done.sentence == (
        "replayed today: 6 windows of 60, 1 alarms, 0 retrainings, 0 rollbacks, 1 label requests; proposed: 6 windows "
        "of 60, 0 alarms, 0 retrainings, 0 rollbacks, 0 label requests; the onset was given as 2026-03-01 04:00 UTC"
    )


def test_drift_that_goes_on_while_labels_are_waited_for_is_no_miss(past: int, replayed: Run) -> None:
    today = replayed(onset=hour(5)).policies["today"]

    assert today.detection is not None
    assert (today.detection.n_windows, today.n_unconfirmed) == (1, 0)


def test_a_larger_window_detects_later_and_what_is_left_over_makes_none(past: int, replayed: Run) -> None:
    done = replayed({"window": 2 * WINDOW + 5}, onset=hour(4))

    larger = done.policies["proposed"]
    assert (larger.window_size, larger.n_windows) == (125, 2)
    assert told(done, "proposed") == []
    assert told(replayed({"window": 2 * WINDOW}), "proposed") == [(5.98, "DATA_DRIFT", "REQUEST_LABELS")]


def test_the_same_past_is_replayed_to_the_same_end(past: int, replayed: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    first = replayed({"false_alarm_rate": 0.1}, since=hour(3))
    monkeypatch.setattr(past_windows, "IMAGES_AT_ONCE", WINDOW)

    assert replayed({"false_alarm_rate": 0.1}, since=hour(3)) == first


def test_statements_do_not_grow_in_number_with_the_windows(past: int, replayed: Run, warehouse: Warehouse) -> None:
    def count_statements(**arguments: Any) -> int:
        with patch.object(Warehouse, "fetch", autospec=True, side_effect=Warehouse.fetch) as fetch:
            replayed(**arguments)
        n_calls: int = fetch.call_count
        return n_calls

    assert count_statements() == count_statements(since=hour(4))


def test_labels_show_since_when_the_answers_are_worse(past: int, label: Store, replayed: Run) -> None:
    label(0, 40, at=100, rightly=True)
    label(4, 40, at=100, rightly=False)
    label(5, 40, at=100, rightly=False)

    done = replayed(BLUNT)

    assert done.onset is not None
    assert done.onset.at == hour(4)
    assert done.onset.known_by.startswith(
        "40 labels show an accuracy of 0.00 from 2026-03-01 04:00 UTC on, beside 0.85"
    )
    assert done.policies["today"].detection is not None


@pytest.mark.parametrize(("n_wrong", "is_onset"), [(13, False), (20, True)])
def test_of_many_labelled_windows_one_has_some_more_wrong_answers_by_chance(
    champion_at: Callable[..., int], store_answers: Store, label: Store, replayed: Run, *, n_wrong: int, is_onset: bool
) -> None:
    version = champion_at(0)
    for n in range(10):
        store_answers(version, n, clean(WINDOW))
        label(n, 40, at=100, rightly=True)
    label(7, n_wrong, at=101, rightly=False)

    onset = replayed(BLUNT).onset

    # beside 45 of 300 held-out images, 13 of 40 are as unlikely as one in 120: of ten windows, one in 12 has one
    assert (onset is not None and onset.at == hour(7)) is is_onset


@pytest.mark.parametrize(("n_labels", "source"), [(29, "random"), (40, "informative")])
def test_few_or_picked_labels_show_no_onset(past: int, label: Store, replayed: Run, n_labels: int, source: str) -> None:
    label(4, n_labels, at=100, rightly=False, source=source)

    done = replayed()

    assert done.onset is None
    assert done.policies["today"].detection is None
    assert done.sentence.endswith("no known onset")


def test_labels_count_from_the_time_on_at_which_they_were_given(past: int, label: Store, replayed: Run) -> None:
    label(0, 9, at=5.5, rightly=True)

    done = replayed(retraining={"min_new_labels": 10})

    # between the fifth and the sixth window the labels were there
    assert told(done) == [(4.98, "DATA_DRIFT", "REQUEST_LABELS"), (5.98, "DATA_DRIFT", "REQUEST_RETRAINING")]
    assert {action for _, _, action in told(done, "proposed")} == {"REQUEST_LABELS"}


def test_answers_to_the_labelled_images_show_concept_drift_as_soon_as_the_labels_are_there(
    past: int, label: Store, replayed: Run
) -> None:
    label(1, 40, at=2.5, rightly=False)

    assert told(replayed())[0] == (2.98, "CONCEPT_DRIFT", "REQUEST_RETRAINING")


def test_what_the_version_before_would_have_said_is_not_known(
    champion_at: Callable[..., int], store_answers: Store, replayed: Run
) -> None:
    champion_at(-1)
    version = champion_at(0)
    store_answers(version, 0, unsure(WINDOW))

    done = replayed()

    assert told(done) == [(0.98, "DATA_DRIFT", "REQUEST_LABELS")]
    assert done.policies["today"].n_unasked == 1


def test_stored_answers_of_the_version_before_to_the_same_images_are_asked(
    champion_at: Callable[..., int], store_answers: Store, replayed: Run
) -> None:
    first = champion_at(-1)
    second = champion_at(0)
    store_answers(second, 0, unsure(WINDOW))
    store_answers(first, 0, clean(WINDOW), given_at=50, is_first=False)

    done = replayed()

    assert told(done) == [(0.98, "MODEL_REGRESSION", "ROLL_BACK")]
    assert done.policies["today"].n_unasked == 0
    assert done.policies["today"].count("ROLL_BACK") == 1


def test_what_a_check_has_found_about_the_version_before_is_taken_over(
    champion_at: Callable[..., int], store_answers: Store, replayed: Run, query: Query
) -> None:
    first = champion_at(-1)
    second = champion_at(0)
    store_answers(second, 0, unsure(WINDOW))
    estimates = [{"method": "DoC", "value": 0.85, "low": 0.8, "high": 0.9}] * 3
    accuracy = {"baseline": 0.85, "expected": 0.85, "estimates": estimates, "realised": None, "is_trusted": True}
    query(
        "INSERT INTO DRIFT_CHECKS (CHECK_ID, RUN_ID, VERSION, CHAMPION_EVENT_SEQ, FIRST_COMMIT_SEQ, LAST_COMMIT_SEQ, "
        "N_IMAGES, STATISTICS, THRESHOLDS, VERDICT, ACTION, REASONS, CHECKED_AT) SELECT 'c', 'r', %(version)s, 2, 31, "
        "90, 60, PARSE_JSON(%(statistics)s), PARSE_JSON('{}'), 'DATA_DRIFT', 'ALERT', PARSE_JSON('[]'), SYSDATE()",
        version=second,
        statistics=json.dumps({"previous": {"version": first, "accuracy": accuracy}}),
    )

    assert told(replayed()) == [(0.98, "MODEL_REGRESSION", "ROLL_BACK")]


def test_answers_belong_to_the_champion_of_their_time(
    champion_at: Callable[..., int], store_answers: Store, replayed: Run
) -> None:
    first = champion_at(0)
    store_answers(first, 0, clean(WINDOW + 30))
    second = champion_at(1)
    store_answers(second, 1, clean(30))
    store_answers(second, 2, unsure(30))
    store_answers(second, 3, unsure(30), is_first=False)

    done = replayed()

    # thirty answers of either version are left over, and second answers never count
    assert done.n_champions == 2
    assert done.policies["today"].n_windows == 2
    assert replayed(since=hour(1)).policies["today"].n_windows == 1


def test_which_window_of_a_promotion_it_is_as_a_check_would_have_counted(
    champion_at: Callable[..., int], store_answers: Store, warehouse: Warehouse, query: Query
) -> None:
    first, second = champion_at(0), champion_at(2)
    for n, version in enumerate((first, first, second, second, first, first)):
        store_answers(version, n, clean(WINDOW))
    query(
        "INSERT INTO MODEL_EVENTS (EVENT_SEQ, EVENT, VERSION, FROM_VERSION, ACTOR, AT) SELECT MAX(EVENT_SEQ) + 1, "
        "'ROLLED_BACK', %(version)s, %(bad)s, 'me', %(at)s::TIMESTAMP_NTZ FROM MODEL_EVENTS",
        version=first,
        bad=second,
        at=hour(4).replace(tzinfo=None),
    )

    def counted(since: datetime, max_windows: int = 9) -> list[int | None]:
        ranges = past_windows.read_ranges(warehouse, window_size=WINDOW, since=since, max_windows=max_windows)
        return [window.n_windows_since_promotion for window in ranges]

    assert counted(hour(0)) == [0, 1, 0, 1, None, None]
    assert counted(hour(1)) == [None, 0, 1, None, None], "nobody has looked how many there were before"
    assert counted(hour(0), max_windows=3) == [1, None, None]


def test_of_a_long_past_the_latest_windows_are_replayed(
    past: int, replayed: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backtesting, "MAX_WINDOWS", 2)

    done = replayed()

    today = done.policies["today"]
    assert (today.n_windows, today.n_left_out, today.started_at) == (2, 4, hour(4))
    assert len(today.alarms) == 1


def test_features_are_looked_at_where_both_sides_know_them(
    champion_at: Callable[..., int], store_answers: Store, replayed: Run
) -> None:
    near, far = ([[distance, level] for level in evenly(-2, 2, WINDOW)] for distance in (0.0, 6.0))
    sample = FeatureSample(rows=np.array(near, dtype=np.float32), truth=tuple(in_turn(WINDOW)))
    version = champion_at(0, baseline=replace(SURE, features=sample))
    store_answers(version, 0, clean(WINDOW), features=near)
    store_answers(version, 1, clean(WINDOW))
    store_answers(version, 2, clean(WINDOW), features=far)

    # as sure as ever, of images from another world
    assert told(replayed()) == [(2.98, "DATA_DRIFT", "REQUEST_LABELS")]


def test_images_are_counted_in_the_bins_of_the_version_s_baseline(
    champion_at: Callable[..., int], store_answers: Store, replayed: Run
) -> None:
    coarse = Histogram(edges=(0.0, 0.2, 0.4, 0.6, 0.8, 1.0), counts=(0, 0, 300, 0, 0))
    version = champion_at(0, baseline=replace(SURE, image_statistics={"brightness": coarse}))
    store_answers(version, 0, clean(WINDOW), looks=[[20.0, 30.0, 0.5, 0.2, 0.01]] * WINDOW)
    store_answers(version, 1, clean(WINDOW), looks=[[20.0, 30.0, 0.9, 0.2, 0.01]] * WINDOW)

    assert told(replayed()) == [(1.98, "BROKEN_IMAGES", "ALERT")]


def test_images_are_looked_at_and_may_be_declared_normal(
    champion_at: Callable[..., int], store_answers: Store, replayed: Run, query: Query
) -> None:
    looks = [[20.0, 30.0, brightness, 0.2, 0.01] for brightness in evenly(0.4, 0.6, WINDOW)]
    dark = [[20.0, 30.0, brightness, 0.2, 0.01] for brightness in evenly(0.0, 0.05, WINDOW)]
    statistics = {name: histogram(name, [look[place] for look in looks]) for place, name in enumerate(STATISTIC_EDGES)}
    champion_at(-1)
    version = champion_at(0, baseline=replace(SURE, image_statistics=statistics))
    store_answers(version, 0, clean(WINDOW), looks=looks)
    store_answers(version, 1, clean(WINDOW), looks=dark)

    assert told(replayed()) == [(1.98, "BROKEN_IMAGES", "ALERT")]

    # and from the time on at which a person has declared such images normal, they are drift of the data
    evidence = {
        "image_statistics": {
            name: histogram_json(name, [look[p] for look in dark]) for p, name in enumerate(STATISTIC_EDGES)
        }
    }
    query(
        "INSERT INTO DRIFT_CHECKS (CHECK_ID, RUN_ID, VERSION, CHAMPION_EVENT_SEQ, N_IMAGES, STATISTICS, THRESHOLDS, "
        "VERDICT, ACTION, REASONS, CHECKED_AT, EVIDENCE) SELECT 'c', 'r', 2, 2, 60, PARSE_JSON('{}'), "
        "PARSE_JSON('{}'), 'BROKEN_IMAGES', 'ALERT', PARSE_JSON('[]'), SYSDATE(), PARSE_JSON(%(evidence)s)",
        evidence=json.dumps(evidence),
    )
    query(
        "INSERT INTO ACCEPTED_CHECKS SELECT 'c', 'a new camera', 'me', %(at)s::TIMESTAMP_NTZ",
        at=hour(1).replace(tzinfo=None),
    )
    done = replayed()
    assert told(done) == [(1.98, "DATA_DRIFT", "REQUEST_LABELS")]
    assert done.policies["today"].n_unasked == 0, "about such images no version before is asked"


def histogram(name: str, values: Sequence[float]) -> Histogram:
    edges = STATISTIC_EDGES[name]
    counts = [0] * (len(edges) - 1)
    for value in values:
        counts[max(place for place, edge in enumerate(edges[:-1]) if edge <= value)] += 1
    return Histogram(edges=edges, counts=tuple(counts))


def histogram_json(name: str, values: Sequence[float]) -> dict[str, Any]:
    found = histogram(name, values)
    return {"edges": found.edges, "counts": found.counts}


def test_confidences_that_are_none_are_in_no_bin(
    champion_at: Callable[..., int], store_answers: Store, replayed: Run
) -> None:
    version = champion_at(0)
    store_answers(version, 0, [*clean(20), *[float("nan")] * 20, *[1.5] * 20])

    assert told(replayed()) == [(0.98, "INSUFFICIENT_DATA", "ALERT")]


def test_runs_with_too_many_undecodable_images_stop(past: int, replayed: Run, query: Query) -> None:
    query(
        "INSERT INTO RUNS (RUN_ID, DAG_ID, KIND, CONFIG, CONFIG_DIGEST, STARTED_AT) "
        "SELECT 'inference 2', 'd', 'inference', PARSE_JSON('{}'), '', SYSDATE()"
    )
    for number in range(9):
        query(
            "INSERT INTO QUARANTINE SELECT 'INCOMING_IMAGES', %(path)s, 'e', 'torn', 'inference 2', "
            "%(at)s::TIMESTAMP_NTZ",
            path=f"bad/{number}",
            at=hour(2).replace(tzinfo=None),
        )

    done = replayed(images={"max_bad_fraction": 0.2})

    assert [outcome.n_stopped_runs for outcome in done.policies.values()] == [1, 0]


def test_without_a_past_there_is_nothing_to_replay(warehouse: Warehouse, replayed: Run) -> None:
    done = replayed()

    assert (done.onset, done.n_champions) == (None, 0)
    assert [outcome.n_windows for outcome in done.policies.values()] == [0, 0]
    assert done.policies["today"].started_at is None


def test_a_back_test_is_a_row_of_runs(warehouse: Warehouse, config: PipelineConfig, query: Query) -> None:
    assert not has_backtest(warehouse)
    policy = with_policy(config, drift={"window": 500})

    run_id = record_backtest(warehouse, policy, outcome="replayed", reason="the policy of calmer.yaml")

    assert has_backtest(warehouse)
    [row] = query("SELECT RUN_ID, KIND, CONFIG:drift:window::NUMBER, REASON, OUTCOME FROM RUNS")
    assert row == (run_id, "backtest", 500, "the policy of calmer.yaml", "replayed")
