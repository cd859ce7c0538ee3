"""When undecodable images stop a run, and what is said of them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from include.catalog.broken import Judgement, Reason, judge_batches, judge_snapshot, refuse_broken
from include.catalog.keys import ImageKey
from include.config import PipelineConfig
from include.errors import BrokenImagesError
from include.store.batches import write_batches
from include.store.files import FileStore
from include.warehouse.loading import LOADED_PIXELS, LOADED_SNAPSHOT, loaded_rows
from include.warehouse.session import Warehouse

STAGE = "INCOMING_IMAGES"
HTML = "is not an image (JPEG, PNG): starts with '<html>'"
XML = "is not an image (JPEG, PNG): starts with '<?xml'"


def keys(names: Sequence[str]) -> list[ImageKey]:
    return [ImageKey(STAGE, name, f"etag of {name}") for name in names]


@pytest.fixture
def quarantine(warehouse: Warehouse) -> Callable[[dict[str, str]], None]:
    """A function that puts images into quarantine, each with its reason."""

    def put(reasons: dict[str, str]) -> None:
        rows = [(*key, None, *(None,) * 7, reasons[key.relative_path]) for key in keys(list(reasons))]
        with loaded_rows(warehouse, LOADED_PIXELS, rows, work_path="work"):
            warehouse.alone(lambda: warehouse.run("pixels/merge_quarantine", run_id="run"))

    return put


@pytest.fixture
def judge(
    warehouse: Warehouse, store: FileStore, config: PipelineConfig, request: pytest.FixtureRequest
) -> Callable[[list[str]], Judgement]:
    """A function that judges images, as two batches or as a snapshot."""

    def of_batches(names: list[str]) -> Judgement:
        parts = [keys(names[::2]), keys(names[1::2])]
        batches = write_batches(store, parts, preprocessing=config.preprocessing, version=1)
        return judge_batches(warehouse, [store.local_path(batch.path) for batch in batches], work_path="work")

    def of_snapshot(names: list[str]) -> Judgement:
        rows = [(*key, "a", "path", "train", f"sha of {key.relative_path}") for key in keys(names)]
        with loaded_rows(warehouse, LOADED_SNAPSHOT, rows, work_path="work"):
            warehouse.alone(lambda: warehouse.run("snapshots/insert_snapshot_images", snapshot_id="5a"))
        return judge_snapshot(warehouse, snapshot_id="5a")

    return {"batches": of_batches, "snapshot": of_snapshot}[request.param]


both = pytest.mark.parametrize("judge", ["batches", "snapshot"], indirect=True)


@both
def test_images_are_counted_by_the_kind_of_their_reason(
    judge: Callable[[list[str]], Judgement], quarantine: Callable[[dict[str, str]], None]
) -> None:
    good = [f"good {n}.png" for n in range(6)]
    quarantine(
        {
            **{f"page {n}.png": HTML for n in range(3)},
            "it's xml.png": XML,
            "empty.png": "is empty",
            "of another run.png": "is empty",
        }
    )

    judgement = judge([*good, "page 0.png", "page 1.png", "page 2.png", "it's xml.png", "empty.png"])

    assert (judgement.n_images, judgement.n_bad) == (11, 5)
    assert judgement.reasons == (
        Reason("is not an image (JPEG, PNG)", 4, ("it's xml.png", "page 0.png", "page 1.png")),
        Reason("is empty", 1, ("empty.png",)),
    )
    assert judgement.sentence == "5 of 11 images cannot be decoded (45.5%)"


@both
def test_what_was_forgotten_on_request_is_not_broken(
    judge: Callable[[list[str]], Judgement],
    quarantine: Callable[[dict[str, str]], None],
    query: Callable[..., list[tuple[Any, ...]]],
) -> None:
    quarantine({"forgotten.png": "forgotten on request"})
    query("INSERT INTO FORGOTTEN SELECT 'place', 'etag', NULL, FALSE, 'run', SYSDATE()")

    assert judge(["forgotten.png", "good.png"]) == Judgement(2, 0, ())


@both
def test_without_bad_images_there_are_no_reasons(judge: Callable[[list[str]], Judgement]) -> None:
    assert judge(["a.png", "b.png"]) == Judgement(2, 0, ())


def test_an_empty_run_has_nothing_to_judge(warehouse: Warehouse) -> None:
    judgement = judge_batches(warehouse, [], work_path="work")

    refuse_broken(judgement, max_bad_fraction=0)
    assert judgement == Judgement(0, 0, ())


@pytest.mark.parametrize(
    ("n_bad", "n_images", "max_bad_fraction", "is_broken"),
    [
        (4, 4, 0.1, False),
        (4, 4, 0.0, False),
        (5, 5, 0.1, True),
        (5, 50, 0.1, False),
        (5, 49, 0.1, True),
        (6, 50, 0.1, True),
        (5, 100_000, 0.0, True),
        (9, 9, 1.0, False),
    ],
)
def test_a_run_stops_at_more_than_a_few_and_more_than_the_share(
    *, n_bad: int, n_images: int, max_bad_fraction: float, is_broken: bool
) -> None:
    judgement = Judgement(n_images, n_bad, (Reason("is empty", n_bad, ("a.png",)),))
    stopped: Any = None

    try:
        refuse_broken(judgement, max_bad_fraction=max_bad_fraction)
    except BrokenImagesError as error:
        stopped = error

    assert (stopped is not None) is is_broken
    assert stopped is None or not stopped.is_transient


def test_the_message_has_the_numbers_the_reasons_some_names_and_the_next_step() -> None:
    reasons = (
        Reason("is not an image", 478, ("a.jpg", "line\nfeed.jpg", "x" * 200 + "end.jpg")),
        Reason("is empty", 2, ("b.jpg", "c.jpg")),
    )

    with pytest.raises(BrokenImagesError) as caught:
        refuse_broken(Judgement(1200, 480, reasons), max_bad_fraction=0.1)

    message = str(caught.value)
    assert message.startswith("480 of 1,200 images cannot be decoded (40.0%), and images.max_bad_fraction allows 10.0%")
    assert "is not an image: 478 images ('a.jpg', 'line\\nfeed.jpg', '…" in message
    assert "xend.jpg', …)" in message
    assert "is empty: 2 images ('b.jpg', 'c.jpg')" in message
    assert "repair or remove them in the stage, or raise images.max_bad_fraction" in message
    assert len(message) < 600


def test_files_are_named_by_their_paths_only(tmp_path: Path) -> None:
    assert Reason("is empty", 1, ("../../etc/passwd",)).sentence == "is empty: 1 image ('../../etc/passwd')"
