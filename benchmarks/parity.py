"""Whether SQL gets the answers that the tasks give: `python -m benchmarks.parity --dataset FOLDER`.

The same photos go three ways: through the tasks, through the handler as it lies in the function's zip, and through
`SELECT CLASSIFY(BUILD_SCOPED_FILE_URL(…))` on an embedded warehouse. Labels have to be the same, and confidences within
a thousandth.
"""

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from benchmarks.figures import RESULTS, Figure, as_markdown, write
from benchmarks.inference.networks import NETWORKS, MadeNetwork, classes_of, make_network
from benchmarks.own_warehouse import OwnWarehouse, own_warehouse
from benchmarks.photos import Photo, generate_photos, read_photos, spread, stage_photos
from include.catalog.plan import pending_images
from include.catalog.sync import sync_stage
from include.config_parts import PreprocessingConfig
from include.models.architectures import SMALL_CNN
from include.models.artefact import load
from include.registry.answering import answer_batch
from include.registry.artefacts import upload_model
from include.registry.ledger import append_event
from include.registry.publishing.handler import HANDLER_MODULE, handler_archive
from include.registry.publishing.publishing import publish_champion
from include.store.batches import write_batches
from include.store.files import FileStore
from include.warehouse.embedded.function_processes import Batch, FunctionProcesses
from include.warehouse.embedded.functions import Function, FunctionKey
from include.warehouse.write_back import commit_predictions

N_PHOTOS = 300
_MAX_DIFFERENCE = 0.001
_RUN = "parity/1"
_CALLED = (
    "SELECT RELATIVE_PATH, CLASSIFY(BUILD_SCOPED_FILE_URL(@INCOMING, RELATIVE_PATH)):label::VARCHAR, "
    "CLASSIFY(BUILD_SCOPED_FILE_URL(@INCOMING, RELATIVE_PATH)):confidence::FLOAT FROM DIRECTORY(@INCOMING)"
)
_WRITTEN = "SELECT RELATIVE_PATH, TYPE, CONFIDENCE FROM CURRENT_PREDICTIONS WHERE TYPE IS NOT NULL"


class Answer(NamedTuple):
    """What one way says of a photo."""

    label: str
    confidence: float


Answers = Mapping[str, Answer]
"""By the photo's path in the stage."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare and write the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.parity", description=__doc__)
    parser.add_argument("--dataset", type=Path, help="folders of JPEGs, named by their class (default: generated ones)")
    parser.add_argument("-n", "--photos", type=int, default=N_PHOTOS, help="how many photos (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="a network that has learnt next to nothing")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the figures go (default: %(default)s)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="driftgate-bench-") as name:
        folder = Path(name)
        photos = read_photos(options.dataset) if options.dataset else generate_photos(folder / "made", n_photos=400)
        stage_photos(spread(photos, options.photos), folder / "new", n_photos=min(options.photos, len(photos)))
        made = _network(photos, folder, is_quick=options.quick)
        with own_warehouse(folder) as own:
            _promote(own, made)
            by_tasks = _by_tasks(own, made)
            by_sql = _by_sql(own)
        by_handler = _by_handler(folder, made)
    figures = [*_figures("the handler", by_tasks, by_handler), *_figures("SQL", by_tasks, by_sql)]
    write(figures, options.results / "parity.json")
    print(as_markdown(figures))


def _network(photos: Sequence[Photo], folder: Path, *, is_quick: bool) -> MadeNetwork:
    [network] = [network for network in NETWORKS if network.architecture == SMALL_CNN]
    (folder / "network").mkdir()
    return make_network(network, photos, folder / "network", classes=classes_of(photos), is_quick=is_quick)


def _preprocessing(made: MadeNetwork) -> PreprocessingConfig:
    return load(made.artefact, sha256=made.card_sha256).card.preprocessing


def _promote(own: OwnWarehouse, made: MadeNetwork) -> None:
    path = upload_model(own.warehouse, made.artefact, sha256=made.card_sha256)

    def append() -> None:
        own.warehouse.run(
            "registry/insert_version",
            snapshot_id="bench",
            config=own.config.model_copy(update={"preprocessing": _preprocessing(made)}).to_json(),
            metrics='{"accuracy": 1.0}',
            n_training_images=1,
            artifact_path=path,
            sha256=made.card_sha256,
            temperature=1.0,
            run_id=_RUN,
        )
        append_event(own.warehouse, "PROMOTED", version=1, run_id=_RUN, reason=None)

    own.warehouse.alone(append)


def _by_tasks(own: OwnWarehouse, made: MadeNetwork) -> Answers:
    """Answer the photos as the tasks of the inference DAG do."""
    store = FileStore(own.config.store_url)
    stages = own.config.stages
    sync_stage(own.warehouse, stages.incoming, labels=None, accept_removals=False)
    keys = pending_images(own.warehouse, own.config)
    [batch] = write_batches(store, [keys], preprocessing=_preprocessing(made), version=1)
    answers = answer_batch(own.warehouse, store, batch, stages=stages, run_id=_RUN, work_path="parity")
    commit_predictions(own.warehouse, [store.local_path(str(answers.path))], run_id=_RUN, work_path="parity")
    return _rows(own, _WRITTEN)


def _by_sql(own: OwnWarehouse) -> Answers:
    publish_champion(own.warehouse, function="CLASSIFY")
    return _rows(own, _CALLED)


def _rows(own: OwnWarehouse, query: str) -> Answers:
    with closing(own.warehouse._connection.cursor()) as cursor:
        return {path: Answer(label, confidence) for path, label, confidence in cursor.execute(query).fetchall()}


def _by_handler(folder: Path, made: MadeNetwork) -> Answers:
    """Ask the handler without a warehouse, in a process that has its zip and the model's files and nothing else."""
    model = f"v1_{made.card_sha256}_"
    imports = folder / "imports"
    imports.mkdir()
    files = [path.rename(imports / f"{model}{path.name}") for path in made.artefact.iterdir()]
    files.append(imports / handler_archive().name)
    files[-1].write_bytes(handler_archive().content)
    key = FunctionKey("NO", "WAREHOUSE", "CLASSIFY")
    handler = f"{HANDLER_MODULE}.classify"
    function = Function(key=key, arguments=(), returns="OBJECT", language="PYTHON", handler=handler)
    paths = sorted(str(path.relative_to(folder / "new")) for path in (folder / "new").rglob("*.jpg"))
    opened = {path: {"path": str(folder / "new" / path)} for path in paths}
    processes = FunctionProcesses()
    values = processes.call(function, files, Batch([[path, model] for path in paths], opened))
    processes.close()
    said = {path: json.loads(str(value)) for path, value in zip(paths, values, strict=True)}
    return {path: Answer(answer["label"], answer["confidence"]) for path, answer in said.items()}


def _figures(way: str, by_tasks: Answers, others: Answers) -> list[Figure]:
    """Return how far another way's answers are from those of the tasks."""
    if by_tasks.keys() != others.keys():
        raise ValueError(f"the tasks have answered {len(by_tasks)} photos, {way} {len(others)}")
    same = sum(others[path].label == answer.label for path, answer in by_tasks.items())
    furthest = max(abs(others[path].confidence - answer.confidence) for path, answer in by_tasks.items())
    n_photos = len(by_tasks)
    note = f"{n_photos} photos, the small CNN at 96 px"
    return [
        Figure(
            measure=f"labels of {way} that are those of the tasks",
            value=same / n_photos,
            unit="of all",
            reach=1.0,
            better="higher",
            n=1,
            spread=0.0,
            note=note,
        ),
        Figure(
            measure=f"furthest confidence of {way} from the tasks'",
            value=furthest,
            unit="",
            reach=_MAX_DIFFERENCE,
            better="lower",
            n=1,
            spread=0.0,
            note=note,
        ),
    ]


if __name__ == "__main__":
    main()
