"""Which images of a window people are asked to label."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from given_answers import SURE

from include.catalog.requested import open_requests, read_requests
from include.config import PipelineConfig
from include.config_parts import RetrainingConfig
from include.drift.checks import read_check
from include.drift.labels.requests import LabelRequest, request_labels
from include.models.baseline import Baseline, FeatureSample
from include.warehouse.session import Warehouse

Query = Callable[..., list[tuple[Any, ...]]]
Ask = Callable[..., list[LabelRequest]]

N = 60
"""Images of a window."""


def with_features(rows: np.ndarray) -> Baseline:
    return Baseline(
        edges=SURE.edges,
        counts_by_class=SURE.counts_by_class,
        image_statistics={},
        features=FeatureSample(rows=rows.astype(np.float32), truth=("a",) * len(rows)),
    )


@pytest.fixture
def window(query: Query, answer: Callable[..., None], promoted: Callable[..., int]) -> Callable[..., int]:
    """A function that answers images that are in the catalog, and stores the check that consumed these answers."""

    def make(
        check_id: str = "c1",
        *,
        version: int | None = None,
        confidences: Sequence[float] = tuple(0.3 + 0.01 * place for place in range(N)),
        images: str = "i",
        verdict: str = "DATA_DRIFT",
        baseline: Baseline = SURE,
        predicted: Sequence[str] | None = None,
        features: np.ndarray | None = None,
    ) -> int:
        version = version or promoted(baseline)
        answer(version, confidences, images=images, predicted=predicted)
        query(
            "INSERT INTO IMAGES SELECT STAGE, RELATIVE_PATH, ETAG, 1, SYSDATE(), '', 'content of ' || RELATIVE_PATH, "
            "NULL, NULL, SYSDATE(), NULL FROM PREDICTIONS WHERE RELATIVE_PATH LIKE %(like)s",
            like=f"{images}/%",
        )
        if features is not None:
            query(
                "UPDATE PREDICTIONS SET FEATURES = ROW_.VALUE "
                "FROM TABLE(FLATTEN(INPUT => PARSE_JSON(%(rows)s))) AS ROW_ "
                "WHERE RELATIVE_PATH = %(images)s || '/' || ROW_.INDEX",
                images=images,
                rows=json.dumps(features.tolist()),
            )
        [(first, last)] = query(
            "SELECT MIN(COMMIT_SEQ), MAX(COMMIT_SEQ) FROM PREDICTIONS WHERE RELATIVE_PATH LIKE %(like)s",
            like=f"{images}/%",
        )
        insert_check(query, check_id, version=version, window=(first, last), verdict=verdict)
        return version

    return make


def insert_check(
    query: Query,
    check_id: str,
    *,
    version: int,
    window: tuple[int | None, int | None] = (None, None),
    statistics: str = "{}",
    verdict: str = "DATA_DRIFT",
) -> None:
    query(
        "INSERT INTO DRIFT_CHECKS (CHECK_ID, RUN_ID, VERSION, CHAMPION_EVENT_SEQ, FIRST_COMMIT_SEQ, LAST_COMMIT_SEQ, "
        "N_IMAGES, STATISTICS, THRESHOLDS, VERDICT, ACTION, REASONS, CHECKED_AT) SELECT %(id)s, 'r', %(version)s, 1, "
        "%(first)s, %(last)s, 60, PARSE_JSON(%(statistics)s), PARSE_JSON('{}'), %(verdict)s, 'REQUEST_LABELS', "
        "PARSE_JSON('[\"why\"]'), SYSDATE()",
        id=check_id,
        version=version,
        first=window[0],
        last=window[1],
        statistics=statistics,
        verdict=verdict,
    )


@pytest.fixture
def ask(warehouse: Warehouse, config: PipelineConfig) -> Ask:
    def run(check_id: str = "c1", *, n: int = 20) -> list[LabelRequest]:
        asking = config.model_copy(update={"retraining": RetrainingConfig(label_requests=n)})
        return request_labels(warehouse, asking, read_check(warehouse, check_id), work_path="w")

    return run


def paths(requests: Sequence[LabelRequest], kind: str | None = None) -> set[str]:
    return {request.relative_path for request in requests if kind in {None, request.kind}}


def test_three_in_ten_are_random_and_the_rest_are_what_the_version_doubts_of_every_class(
    window: Callable[..., int], ask: Ask
) -> None:
    version = window()

    requests = ask(n=20)

    assert Counter(request.kind for request in requests) == {"random": 6, "informative": 14}
    assert [request.place for request in requests] == list(range(1, 21))
    assert [request.type for request in requests] == sorted(request.type for request in requests)
    assert {(request.version, request.check_id, request.is_live) for request in requests} == {(version, "c1", True)}
    informative = [request for request in requests if request.kind == "informative"]
    assert max(Counter(request.type for request in informative).values()) == 5
    # The least confident ones come first in the window, of each of the three classes.
    assert {int(path[2:]) for path in paths(informative)} <= set(range(24))
    assert max(int(path[2:]) for path in paths(requests, "random")) > 24


def test_a_check_asks_once_and_the_same_each_time(window: Callable[..., int], ask: Ask, query: Query) -> None:
    window()
    first = ask(n=20)

    assert ask(n=40) == first
    query("DELETE FROM LABEL_REQUESTS")
    again = ask(n=20)

    assert [request[:10] for request in again] == [request[:10] for request in first]
    assert query("SELECT COUNT(*) FROM LABEL_REQUESTS") == [(20,)]


def test_the_random_sample_is_another_one_for_another_check(window: Callable[..., int], ask: Ask, query: Query) -> None:
    version = window()
    [(first, last)] = query("SELECT FIRST_COMMIT_SEQ, LAST_COMMIT_SEQ FROM DRIFT_CHECKS")
    sample = paths(ask("c1"), "random")
    query("DELETE FROM LABEL_REQUESTS")
    insert_check(query, "c2", version=version, window=(first, last))

    assert paths(ask("c2"), "random") != sample


def test_images_unlike_those_that_the_version_was_accepted_on_are_asked_for(
    window: Callable[..., int], ask: Ask
) -> None:
    draw = np.random.default_rng(1)
    features = draw.normal(0, 1, (N, 16))
    features[50:53] += 9
    window(
        confidences=[0.8] * N,
        predicted=["a"] * N,
        features=features,
        baseline=with_features(draw.normal(0, 1, (200, 16))),
    )

    requests = ask(n=10)

    novelties = {request.relative_path: request.novelty or 0.0 for request in requests}
    assert {"i/50", "i/51", "i/52"} <= set(novelties)
    assert min(novelties[path] for path in ("i/50", "i/51", "i/52")) > 3
    assert sorted(novelties.values())[len(novelties) // 2] < 2


def test_without_features_the_doubt_alone_decides(window: Callable[..., int], ask: Ask) -> None:
    window(baseline=with_features(np.ones((200, 16))))

    assert {request.novelty for request in ask()} == {None}


def test_what_nobody_can_or_need_label_is_left_out(window: Callable[..., int], ask: Ask, query: Query) -> None:
    window()
    keep = 5
    # Gone, in quarantine, labelled, of a content that is labelled elsewhere, or an equal content.
    query("UPDATE IMAGES SET GONE_AT = SYSDATE() WHERE RELATIVE_PATH IN ('i/0', 'i/1')")
    query("INSERT INTO QUARANTINE SELECT STAGE, RELATIVE_PATH, ETAG, 'why', 'r', SYSDATE() FROM IMAGES "
          "WHERE RELATIVE_PATH = 'i/2'")  # fmt: skip
    query("INSERT INTO LABELS SELECT STAGE, RELATIVE_PATH, ETAG, 'a', 'person', SYSDATE() FROM IMAGES "
          "WHERE RELATIVE_PATH = 'i/3'")  # fmt: skip
    query("INSERT INTO IMAGES SELECT 'TRAINING_IMAGES', 'a/x.png', 'e', 1, SYSDATE(), '', 'content of i/4', 'a', "
          "'test', SYSDATE(), NULL")  # fmt: skip
    query(f"UPDATE IMAGES SET CONTENT_SHA256 = 'same' WHERE RELATIVE_PATH IN ('i/{keep}', 'i/6', 'i/7')")  # noqa: S608

    asked = paths(ask(n=1000))

    assert len(asked) == N - 7
    assert asked & {f"i/{place}" for place in range(8)} == {f"i/{keep}"}


def test_an_answer_without_a_confidence_is_not_asked_about(window: Callable[..., int], ask: Ask, query: Query) -> None:
    window()
    for place, none in enumerate(("NaN", "1.5", "-0.5")):
        query(
            "UPDATE PREDICTIONS SET CONFIDENCE = %(none)s::FLOAT WHERE RELATIVE_PATH = %(path)s",
            none=none,
            path=f"i/{place}",
        )

    requests = ask(n=100)

    assert requests
    assert not paths(requests) & {"i/0", "i/1", "i/2"}


def test_what_was_asked_for_is_not_asked_for_again_and_what_is_drawn_on_then_is_no_random_sample(
    window: Callable[..., int], ask: Ask, query: Query
) -> None:
    version = window()
    first = ask(n=20)
    insert_check(query, "c2", version=version, statistics='{"open_drift": "c1"}')

    second = ask("c2", n=20)

    assert len(second) == 20
    assert not paths(first) & paths(second)
    assert {request.kind for request in second} == {"informative"}
    assert not paths(ask("c1")) - paths(first)


def test_a_check_without_a_window_asks_about_that_of_the_drift_that_is_open(
    window: Callable[..., int], ask: Ask, query: Query
) -> None:
    version = window(verdict="BROKEN_IMAGES")
    window("stable", version=version, images="later", verdict="STABLE")
    insert_check(query, "c2", version=version, statistics='{"open_drift": "c1"}')

    requests = ask("c2")

    assert Counter(request.kind for request in requests) == {"random": 6, "informative": 14}
    assert all(path.startswith("i/") for path in paths(requests))


def test_where_there_is_no_window_or_no_image_left_nothing_is_asked(
    window: Callable[..., int], ask: Ask, query: Query, caplog: pytest.LogCaptureFixture
) -> None:
    version = window()
    insert_check(query, "c2", version=version)
    query("UPDATE IMAGES SET GONE_AT = SYSDATE()")

    assert ask("c2") == []
    assert ask("c1") == []

    assert "check c2 has no window to ask about" in caplog.text
    assert "no image left in the window of check c1" in caplog.text


def test_a_request_waits_until_the_image_has_a_label_or_is_gone(
    window: Callable[..., int], ask: Ask, query: Query, warehouse: Warehouse
) -> None:
    version = window()
    first = ask(n=20)
    window("c2", version=version, images="j")
    second = ask("c2", n=2)
    labelled, gone, quarantined = first[:3]
    query(
        "INSERT INTO LABELS SELECT STAGE, RELATIVE_PATH, ETAG, 'a', 'x', SYSDATE() FROM IMAGES "
        "WHERE RELATIVE_PATH = %(p)s",
        p=labelled.relative_path,
    )
    query("UPDATE IMAGES SET GONE_AT = SYSDATE() WHERE RELATIVE_PATH = %(p)s", p=gone.relative_path)
    query(
        "INSERT INTO QUARANTINE SELECT STAGE, RELATIVE_PATH, ETAG, 'why', 'r', SYSDATE() FROM IMAGES "
        "WHERE RELATIVE_PATH = %(p)s",
        p=quarantined.relative_path,
    )

    assert open_requests(warehouse) == [*second, *first[3:]]
    assert [request.is_live for request in read_requests(warehouse, "c1")[:3]] == [True, False, True]
    # Who labels it with a statement of their own cannot make a random sample of it, nor of an informative one.
    [(source,)] = query("SELECT SOURCE FROM CURRENT_LABELS")
    assert source == labelled.kind
