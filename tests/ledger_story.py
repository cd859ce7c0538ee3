"""A pipeline's life in the ledger: trained, refused, approved, promoted, rolled back, restored, turned down."""

import json
from typing import Any

from include.config import PipelineConfig
from include.registry.ledger import append_event, champion_event_seq, promote, record_gate
from include.registry.rollback import roll_back
from include.warehouse.session import Warehouse

METRICS: dict[str, Any] = {
    "accuracy": 0.91,
    "n_images": 180,
    "expected_calibration_error": 0.031,
    "negative_log_likelihood": 0.25,
    "per_class": [{"label": "[bold]hat", "n_images": 90, "precision": None, "recall": 0.9}],
    "weights_sha256": "w3",
}
SEEN_BEFORE_TRAINING = {"verdict": "DATA_DRIFT", "reasons": ["the confidences have fallen"]}
SEEN_BEFORE_PROMOTION = {"weights_sha256": "w3", "snapshot_id": "5a", "gate": {"accuracy": 0.91, "champion": 0.8}}


class LedgerStory:
    """Writes what happens to versions into the ledger.

    Args:
        warehouse: A session on the pipeline's schema.
        config: The pipeline.
    """

    def __init__(self, warehouse: Warehouse, config: PipelineConfig) -> None:
        self._warehouse = warehouse
        self._config = config

    def live(self) -> None:
        """Version 1 is champion, 2 failed, 3 was approved twice, rolled back, and restored; 4 was turned down."""
        self.train(1)
        self.pass_gate(1)
        self.train(2)
        self._judge(2, passed=False)
        self.ask("q1", kind="retraining", version=1, run=3, evidence=SEEN_BEFORE_TRAINING)
        self.answer("APPROVED", "ann", version=1, run=3, request_id="q1")
        self.train(3)
        self.ask("q2", kind="promotion", version=3, run=3, evidence=SEEN_BEFORE_PROMOTION)
        self.answer("APPROVED", "bob", version=3, run=3, request_id="q2")
        self.pass_gate(3)
        self.go_back_to(1, "takes every hat for a shirt")
        self.go_back_to(3, "the labels were wrong, not the version")
        self.train(4)
        self._judge(4, passed=True)
        self.ask("q3", kind="promotion", version=4, run=4, evidence={})
        self.answer("REJECTED", "nobody", version=4, run=4, request_id="q3")

    def train(self, version: int) -> None:
        """Register a version."""

        def register() -> None:
            self._warehouse.run(
                "registry/insert_version",
                snapshot_id="5a",
                config=self._config.to_json(),
                metrics=json.dumps(METRICS),
                n_training_images=7,
                artifact_path=f"{version}/",
                sha256=f"sha of {version}",
                temperature=1.0,
                run_id=_run(version),
            )
            append_event(self._warehouse, "REGISTERED", version=version, run_id=_run(version), reason=None)

        self._warehouse.alone(register)

    def pass_gate(self, version: int) -> None:
        """Let a version pass the gate and be promoted."""
        self._judge(version, passed=True)
        promote(
            self._warehouse,
            version=version,
            expected_event_seq=champion_event_seq(self._warehouse),
            reason=f"{version} is good enough",
            run_id=_run(version),
        )

    def go_back_to(self, version: int, reason: str) -> None:
        """Roll back."""
        seq = champion_event_seq(self._warehouse)
        roll_back(
            self._warehouse,
            to=version,
            expected_event_seq=seq,
            reason=reason,
            actor="dora",
            run_id=f"digits_rollback/{seq}",
        )

    def ask(self, request_id: str, *, kind: str, version: int, run: int, evidence: dict[str, Any]) -> None:
        """Write down a request, as people are shown it."""
        self._run(
            "INSERT INTO APPROVAL_REQUESTS (REQUEST_ID, RUN_ID, KIND, VERSION, CHAMPION_EVENT_SEQ, EVIDENCE, "
            "APPROVERS, N_NEEDED, REQUESTED_AT, EXPIRES_AT) SELECT %(request_id)s, %(run_id)s, %(kind)s, %(version)s, "
            "1, PARSE_JSON(%(evidence)s), PARSE_JSON('[]'), 1, SYSDATE(), SYSDATE()",
            request_id=request_id,
            run_id=_run(run),
            kind=kind,
            version=version,
            evidence=json.dumps(evidence),
        )

    def answer(self, event: str, actor: str, *, version: int, run: int, request_id: str | None) -> None:
        """Write down an answer."""
        self._run(
            "INSERT INTO MODEL_EVENTS (EVENT_SEQ, EVENT, VERSION, ACTOR, REASON, RUN_ID, AT, REQUEST_ID) "
            "SELECT MAX(EVENT_SEQ) + 1, %(event)s, %(version)s, %(actor)s, %(reason)s, %(run_id)s, SYSDATE(), "
            "%(request_id)s FROM MODEL_EVENTS",
            event=event,
            version=version,
            actor=actor,
            reason=f"{event.lower()} by {actor}",
            run_id=_run(run),
            request_id=request_id,
        )

    def _judge(self, version: int, *, passed: bool) -> None:
        reason = f"accuracy of {version} {'reaches' if passed else 'is below'} the gate"
        record_gate(self._warehouse, version=version, passed=passed, reason=reason, run_id=_run(version))

    def _run(self, sql: str, **values: Any) -> None:
        self._warehouse._connection.cursor().execute(sql, values)


def _run(version: int) -> str:
    return f"digits_training/{version}"
