"""A pipeline with a past worth a look: three versions, some weeks of answers, verdicts, labels, a rollback.

Answers are those of networks that do not exist: scores around the truth, the weaker the further the images drift.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import create_autospec, patch

import numpy as np
from numpy.typing import NDArray
from schema_template import SchemaTemplate

from include.config import PipelineConfig
from include.drift.check import Check, check_drift
from include.drift.report import page
from include.models.baseline import build_baseline
from include.models.calibration import softmax
from include.models.evaluation import evaluate
from include.models.evidence import ChampionAnswers, pair_answers
from include.registry.ledger import champion_event_seq, promote, record_gate, register
from include.registry.rollback import roll_back
from include.store.files import FileStore
from include.warehouse.session import Warehouse

Query = Callable[..., list[tuple[Any, ...]]]

HOSTILE = "</script><script>alert('class')</script>"
CLASSES = ("ankle boot", "bag", "coat", "dress", "pullover", "sandal", "shirt", "sneaker", "trousers", HOSTILE)
N_HELD_OUT = 400
STRENGTHS = {1: 4.6, 2: 5.2, 3: 4.9}
"""Of the versions: the score of the true class above the noise."""


@contextmanager
def lived_pipeline(template: SchemaTemplate, config: PipelineConfig, *, now: datetime) -> Iterator[Warehouse]:
    """Yield a session on the schema of a pipeline that has lived.

    Args:
        template: What the schema is a copy of.
        config: The pipeline.
        now: The moment that its past leads to; aware.
    """
    from driftgate.hooks import WarehouseHook  # imports Airflow, which then reads its settings

    with WarehouseHook.for_pipeline(config).session() as warehouse:
        template.copy_to(config)

        def query(sql: str, **values: Any) -> list[tuple[Any, ...]]:
            rows: list[tuple[Any, ...]] = warehouse._connection.cursor().execute(sql, values).fetchall()
            return rows

        StatusStory(warehouse, FileStore(config.store_url), config, query, now=now).live()
        yield warehouse


class StatusStory:
    """Writes a pipeline's past.

    Args:
        warehouse: A session on the pipeline's schema.
        store: Its files.
        config: The pipeline.
        query: Runs any SQL.
        now: The moment that all of it leads to; aware.
        classes: What the versions know.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        store: FileStore,
        config: PipelineConfig,
        query: Query,
        *,
        now: datetime,
        classes: Sequence[str] = CLASSES,
    ) -> None:
        self._warehouse, self._store, self._config, self._query = warehouse, store, config, query
        self._now = now.astimezone(UTC).replace(tzinfo=None)
        self._classes = tuple(classes)
        self._rng = np.random.default_rng(10)
        self._n_answered = 0
        self._n_dated = 0

    def live(self, *, n_windows: int = 2) -> None:
        """Version 1, then 2 are promoted; images drift and 3 is refused; labels come; 2 is rolled back and restored.

        Args:
            n_windows: The windows of each part of the story.
        """
        size = self._config.drift.window
        self.accept(1, days_ago=20)
        for number in range(n_windows):
            self.answer_and_check(1, size, strength=4.6, days_ago=19 - 4 * number / n_windows)
        self.accept(2, days_ago=15)
        for number in range(n_windows):
            self.answer_and_check(2, size, strength=5.2, days_ago=14 - 4 * number / n_windows)
        self.label(share=0.5)
        for number in range(n_windows):
            self.answer_and_check(2, size, strength=2.6 - number / n_windows, days_ago=9 - 3 * number / n_windows)
        self.refuse(3, days_ago=5)
        self.go_back_to(1, days_ago=4, reason="takes every bag for a boot")
        self.go_back_to(2, days_ago=3, reason="the labels were wrong, not the version")
        self.answer_and_check(2, size, strength=5.0, days_ago=2)
        self.answer(2, size // 3, strength=4.0, days_ago=0.1)

    def accept(self, version: int, *, days_ago: float) -> None:
        """Register a version, let it pass the gate, and make it champion."""
        self._register(version, days_ago=days_ago)
        record_gate(self._warehouse, version=version, passed=True, reason="good enough", run_id=_run(version))
        promote(
            self._warehouse,
            version=version,
            expected_event_seq=champion_event_seq(self._warehouse),
            reason="good enough",
            run_id=_run(version),
        )
        self._date_events(days_ago)

    def refuse(self, version: int, *, days_ago: float) -> None:
        """Register a version that fails at the gate."""
        self._register(version, days_ago=days_ago)
        reason = "accuracy of version 3 is lower by more than 0.01 on the same images"
        record_gate(self._warehouse, version=version, passed=False, reason=reason, run_id=_run(version))
        self._date_events(days_ago)

    def go_back_to(self, version: int, *, days_ago: float, reason: str) -> None:
        """Roll back."""
        seq = champion_event_seq(self._warehouse)
        run_id = f"digits_rollback/{seq}"
        roll_back(self._warehouse, to=version, expected_event_seq=seq, reason=reason, actor="dora", run_id=run_id)
        self._date_events(days_ago)

    def answer_and_check(self, version: int, n_images: int, *, strength: float, days_ago: float) -> Check | None:
        """Answer a window of new images, and check it. The report is not drawn: Evidently takes seconds."""
        self.answer(version, n_images, strength=strength, days_ago=days_ago)
        run_id = f"{self._config.name}_inference/{self._n_answered}"
        with patch.object(page, "render_report", create_autospec(page.render_report, return_value="reports/a.html")):
            check = check_drift(self._warehouse, self._store, self._config, run_id=run_id, work_path="w")
        at = self._now - timedelta(days=days_ago)
        self._query("UPDATE DRIFT_CHECKS SET CHECKED_AT = %(at)s WHERE RUN_ID = %(run_id)s", at=at, run_id=run_id)
        return check

    def answer(self, version: int, n_images: int, *, strength: float, days_ago: float) -> None:
        """Answer new images, whose true classes are those of their names, in turn."""
        truth = np.arange(n_images) % len(self._classes)
        scores = softmax(self._logits(truth, strength))
        rows = [
            [f"{self._n_answered + place}.png", self._classes[given], float(score)]
            for place, (given, score) in enumerate(zip(scores.argmax(axis=1), scores.max(axis=1), strict=True))
        ]
        self._query(
            "INSERT INTO PREDICTIONS (STAGE, RELATIVE_PATH, ETAG, VERSION, TYPE, CONFIDENCE, SCORES, PRED_TIMESTAMP, "
            "RUN_ID, COMMIT_SEQ, IS_FIRST) SELECT 'INCOMING_IMAGES', ROW_.VALUE[0]::VARCHAR, 'e', %(version)s, "
            "ROW_.VALUE[1]::VARCHAR, ROW_.VALUE[2]::FLOAT, PARSE_JSON('[1]'), "
            "DATEADD(MINUTE, -MOD(ROW_.INDEX, 1440), %(at)s::TIMESTAMP_NTZ), 'run', %(n)s + ROW_.INDEX + 1, TRUE "
            "FROM TABLE(FLATTEN(INPUT => PARSE_JSON(%(rows)s))) AS ROW_",
            version=version,
            at=self._now - timedelta(days=days_ago),
            n=self._n_answered,
            rows=json.dumps(rows),
        )
        self._n_answered += n_images

    def label(self, *, share: float) -> None:
        """Let people label a share of all images so far, picked at random."""
        picked = self._rng.permutation(self._n_answered)[: round(share * self._n_answered)]
        window = self._config.drift.window
        labels = [[f"{place}.png", self._classes[place % window % len(self._classes)]] for place in picked.tolist()]
        self._query(
            "INSERT INTO LABELS SELECT 'INCOMING_IMAGES', ROW_.VALUE[0]::VARCHAR, 'e', ROW_.VALUE[1]::VARCHAR, "
            "'random', SYSDATE() FROM TABLE(FLATTEN(INPUT => PARSE_JSON(%(labels)s))) AS ROW_",
            labels=json.dumps(labels),
        )

    def _register(self, version: int, *, days_ago: float) -> None:
        truth = np.arange(N_HELD_OUT) % len(self._classes)
        logits = self._logits(truth, STRENGTHS[version])
        scores = softmax(logits)
        names = [self._classes[place] for place in truth]
        answers = [self._classes[place] for place in scores.argmax(axis=1)]
        champion = version - 1
        theirs = self._logits(truth, STRENGTHS[champion]).argmax(axis=1) if champion else ()
        compared = pair_answers(
            names,
            answers,
            classes=self._classes,
            n_left_out=3,
            champion=ChampionAnswers(champion, self._classes, [self._classes[place] for place in theirs])
            if champion
            else None,
            champion_event_seq=champion_event_seq(self._warehouse),
        )
        evaluation = evaluate(logits, truth, temperature=1.0, classes=self._classes)
        register(
            self._warehouse,
            config=self._config,
            snapshot_id="5a",
            metrics={**evaluation.as_metrics(), "gate": compared.to_json()},
            n_training_images=2000,
            artifact_path=f"{version}/",
            sha256=f"sha of {version}",
            temperature=1.0,
            baseline=build_baseline(
                scores.astype(np.float32),
                truth,
                classes=self._classes,
                features=np.empty((N_HELD_OUT, 0), dtype=np.float32),
                image_statistics={},
                n_undecodable=0,
            ),
            run_id=_run(version),
        )
        self._query(
            "UPDATE MODEL_VERSIONS SET CREATED_AT = %(at)s WHERE VERSION = %(version)s",
            at=self._now - timedelta(days=days_ago),
            version=version,
        )

    def _logits(self, truth: NDArray[np.int64], strength: float) -> NDArray[np.float64]:
        """Return scores around the truth; a shirt looks like a coat, too."""
        logits = self._rng.normal(0, 1.6, (len(truth), len(self._classes)))
        logits[np.arange(len(truth)), truth] += strength
        logits[truth == 6, 2] += strength / 2
        return np.asarray(logits)

    def _date_events(self, days_ago: float) -> None:
        """Let what was just decided have been decided then, a second after another."""
        self._query(
            "UPDATE MODEL_EVENTS SET AT = DATEADD(SECOND, EVENT_SEQ, %(at)s::TIMESTAMP_NTZ) WHERE EVENT_SEQ > %(n)s",
            at=self._now - timedelta(days=days_ago),
            n=self._n_dated,
        )
        ((self._n_dated,),) = self._query("SELECT MAX(EVENT_SEQ) FROM MODEL_EVENTS")


def _run(version: int) -> str:
    return f"digits_training/{version}"
