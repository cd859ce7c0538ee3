"""The tasks of both DAGs without Airflow, each as one function, for processes that are killed while they do them."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from driftgate.hooks import WarehouseHook
from include.catalog.plan import into_batches, pending_images
from include.catalog.runs import close_run, open_run, read_run
from include.catalog.snapshot import freeze_snapshot
from include.catalog.sync import sync_stage
from include.config import PipelineConfig
from include.config_parts import NotifyConfig
from include.drift.check import check_drift
from include.images.isolated import Decoders
from include.images.preprocess import read_digests
from include.models import fitting, training
from include.models.checkpoints import Checkpoints
from include.models.compute import Compute
from include.models.fitting import FittedModel, fit_snapshot
from include.models.optimizer import EagerAdamW
from include.notify import outbox
from include.notify.delivery import deliver_due
from include.notify.desk import Desk
from include.notify.mail import Mail
from include.registry.answering import answer_batch
from include.registry.approvals.answers import Answer, record_answer
from include.registry.approvals.requests import read_request
from include.registry.challenger import Challenger
from include.registry.ledger import read_champion
from include.registry.promotion import pass_gate_and_promote, request_promotion
from include.registry.publishing.publishing import publish_champion
from include.registry.registration import evaluate_and_register
from include.store.batches import Batch, write_batches
from include.store.files import FileStore
from include.store.preparation import prepare_batch
from include.warehouse.loading import TaskTry
from include.warehouse.session import Warehouse
from include.warehouse.write_back import commit_predictions
from tests.child_processes import die

TRAINING, INFERENCE = "test_training/manual", "test_inference/hourly"
MAILS = "mails"
"""The file of the mails that were sent, a line each: what its Message-ID begins with."""


class Task(NamedTuple):
    """A try of a task: what the operators have."""

    warehouse: Warehouse
    store: FileStore
    config: PipelineConfig
    run_id: str
    work_path: str
    handed_over: Path
    """What the tasks before it returned, one file each."""

    def of(self, task: str) -> Any:
        return json.loads((self.handed_over / task).read_text())


def open_training(task: Task) -> None:
    open_run(task.warehouse, task.config, run_id=task.run_id, dag_id="test_training", kind="training", reason=None)


def sync_training(task: Task) -> None:
    stages = task.config.stages
    sync_stage(task.warehouse, stages.training, labels=task.config.labels, accept_removals=False)
    sync_stage(task.warehouse, stages.incoming, labels=None, accept_removals=False)


def freeze(task: Task) -> dict[str, Any]:
    snapshot = freeze_snapshot(
        task.warehouse, task.config, run_id=task.run_id, work_path=task.work_path, read_digests=read_digests
    )
    parts = into_batches(snapshot.keys, batch_size=20, max_batches=2)
    batches = write_batches(task.store, parts, preprocessing=task.config.preprocessing, version=None)
    return {"snapshot_id": snapshot.snapshot_id, "batches": [batch.to_json() for batch in batches]}


def preprocess(task: Task, batch: dict[str, Any]) -> None:
    prepare_batch(
        task.warehouse,
        task.store,
        Batch.from_json(batch),
        stages=task.config.stages,
        run_id=task.run_id,
        work_path=task.work_path,
    )


def preprocess_first(task: Task) -> None:
    preprocess(task, task.of("freeze")["batches"][0])


def preprocess_second(task: Task) -> None:
    preprocess(task, task.of("freeze")["batches"][1])


def train(task: Task) -> dict[str, Any]:
    return fit_snapshot(
        task.warehouse, task.store, task.config, snapshot_id=task.of("freeze")["snapshot_id"], run_id=task.run_id
    ).to_json()


def evaluate(task: Task) -> dict[str, Any]:
    fitted = FittedModel.from_json(task.of("train"))
    return evaluate_and_register(
        task.warehouse, task.store, task.config, fitted, run_id=task.run_id, work_path=task.work_path
    ).to_json()


def ask_for_promotion(task: Task) -> None:
    request_promotion(
        task.warehouse,
        Challenger.from_json(task.of("evaluate")),
        task.config,
        accept_vanished_classes=False,
        run_id=task.run_id,
        task_id="approve_promotion",
    )


def record_approval(task: Task) -> dict[str, Any]:
    return record_answer(
        task.warehouse,
        Answer(is_approval=True, user="ann", answered_at="2026-01-02T03:04:05+00:00"),
        request=read_request(task.warehouse, run_id=task.run_id, kind="promotion"),
    ).to_json()


def promote(task: Task) -> dict[str, Any]:
    return pass_gate_and_promote(
        task.warehouse,
        Challenger.from_json(task.of("evaluate")),
        gate=task.config.gate,
        accept_vanished_classes=False,
        run_id=task.run_id,
        needs_approval=task.config.promotion.approval,
    ).to_json()


def publish(task: Task) -> dict[str, Any]:
    published = publish_champion(task.warehouse, function="CLASSIFY")
    assert published is not None
    return published.to_json()


def announce(task: Task) -> None:
    close_run(task.warehouse, run_id=task.run_id, outcome=task.of("promote")["outcome"])


def sync_incoming(task: Task) -> None:
    open_run(task.warehouse, task.config, run_id=task.run_id, dag_id="test_inference", kind="inference", reason=None)
    sync_stage(task.warehouse, task.config.stages.incoming, labels=None, accept_removals=False)


def plan(task: Task) -> dict[str, Any]:
    champion = read_champion(task.warehouse)
    assert champion is not None
    [batch] = write_batches(
        task.store,
        [pending_images(task.warehouse, task.config)],
        preprocessing=champion.config.preprocessing,
        version=champion.version,
    )
    return batch.to_json()


def predict(task: Task) -> dict[str, Any]:
    answers = answer_batch(
        task.warehouse,
        task.store,
        Batch.from_json(task.of("plan")),
        stages=task.config.stages,
        run_id=task.run_id,
        work_path=task.work_path,
    )
    return {"path": answers.path}


def commit(task: Task) -> None:
    file = task.store.local_path(task.of("predict")["path"])
    n_new = commit_predictions(task.warehouse, [file], run_id=task.run_id, work_path=task.work_path)
    close_run(task.warehouse, run_id=task.run_id, outcome=f"{n_new} answers are new")


def check(task: Task) -> dict[str, Any]:
    found = check_drift(task.warehouse, task.store, task.config, run_id=task.run_id, work_path=task.work_path)
    assert found is not None
    return found.to_json()


def deliver(task: Task) -> None:
    def send(_: NotifyConfig, __: Mail, key: str) -> None:
        with (task.handed_over / MAILS).open("a") as mails:
            print(key, file=mails)

    desk = Desk(warehouse=task.warehouse, store=task.store, config=task.config, base_url="", work_path=task.work_path)
    deliver_due(desk, send_mail=send)


TASKS: dict[Callable[[Task], Any], str] = {
    **dict.fromkeys(
        (
            *(open_training, sync_training, freeze, preprocess_first, preprocess_second, train, evaluate),
            *(ask_for_promotion, record_approval, promote, publish, announce),
        ),
        TRAINING,
    ),
    **dict.fromkeys((sync_incoming, plan, predict, commit, check, deliver), INFERENCE),
}
"""In the order in which they run, each with its run."""


def try_task(work: Callable[[Task], Any], config: str, number: int, folder: Path, death: str | None) -> None:
    """Do a task's work in this process, as an operator does, and hand over what it returns; or die at it.

    Args:
        work: One of `TASKS`.
        config: The pipeline, as JSON.
        number: Of this try, from 1.
        folder: Where tasks hand over.
        death: Where to die; see `die_at`.
    """
    # Two pipelines that choose by timing may choose differently; that one run does not is tested with the checkpoints.
    training.choose_compute = lambda *_, **__: Compute()
    outbox.CLAIM_S = 0  # so that nobody has to wait for what a dead task has claimed
    fitting.Checkpoints = partial(Checkpoints, every_n_epochs=2)  # type: ignore[misc,assignment]
    pipeline = PipelineConfig.from_json(config)
    if death is not None:
        die_at(death, store=Path(pipeline.store_url))
    dag_id, _, dag_run_id = TASKS[work].partition("/")
    with WarehouseHook.for_pipeline(pipeline).session() as warehouse:
        opens_run = work in (open_training, sync_incoming)
        result = work(
            Task(
                warehouse,
                FileStore(pipeline.store_url),
                pipeline if opens_run else read_run(warehouse, run_id=TASKS[work]).config,
                TASKS[work],
                TaskTry(dag_id, dag_run_id, work.__name__, -1, number).work_path,
                folder,
            )
        )
    (folder / work.__name__).write_text(json.dumps(result))


def do_all_tasks(config: str, folder: Path) -> None:
    """Do the work of all tasks, and none of them dies."""
    for work in TASKS:
        try_task(work, config, 1, folder, None)


def die_at(death: str, *, store: Path) -> None:
    """Let this process die right after it has done something, which is named as in `lock/commit`.

    That is a statement; `segments/written` or `segments/named`, a file of that folder of the store before or after it
    got its name; or `step`, one of a training. `lock/commit 2` is the second time.
    """
    what_kills, _, times = death.partition(" ")
    done: Counter[str] = Counter()

    def did(what: str) -> None:
        done[what] += 1
        if what == what_kills and done[what] == int(times or 1):
            die()

    executed, rename, step = Warehouse._executed, Path.replace, EagerAdamW.step

    @contextmanager
    def execute(self: Warehouse, name: str, *arguments: Any) -> Iterator[Any]:
        with executed(self, name, *arguments) as cursor:
            did(name)
            yield cursor

    def replace(self: Path, target: Path) -> Path:
        folder = target.relative_to(store).parts[0] if target.is_relative_to(store) else "elsewhere"
        did(f"{folder}/written")
        result = rename(self, target)
        did(f"{folder}/named")
        return result

    def take_step(self: EagerAdamW) -> None:
        step(self)
        did("step")

    def wait_for_the_end(*_: Any, **__: Any) -> Any:
        time.sleep(60)

    if what_kills.startswith("models/"):
        # The model is loaded while images are decoded: of these nothing is to be known yet, however slow it is.
        Decoders.decode_all = wait_for_the_end  # type: ignore[method-assign]
    Warehouse._executed = execute  # type: ignore[method-assign]
    Path.replace = replace  # type: ignore[method-assign,assignment]
    EagerAdamW.step = take_step  # type: ignore[method-assign,assignment]
