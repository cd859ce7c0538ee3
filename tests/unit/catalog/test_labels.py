"""Labels that people give."""

from collections.abc import Callable
from typing import Any

import pytest

from include.catalog.labels import MAX_LENGTH, GivenLabel, add_labels
from include.errors import LabelError
from include.warehouse.session import Warehouse

Query = Callable[..., list[tuple[Any, ...]]]

LABELS = "SELECT RELATIVE_PATH, ETAG, LABEL, SOURCE FROM LABELS ORDER BY LABELLED_AT, RELATIVE_PATH"


def given(path: str, label: str, *, stage: str = "INCOMING_IMAGES", source: str = "person") -> GivenLabel:
    return GivenLabel(stage, path, label, source)


@pytest.fixture
def images(query: Query) -> None:
    """Seven live images; the first has an earlier version, and one is gone."""
    for name, etag, gone_at in [(f"{i}.png", "new", None) for i in range(7)] + [
        ("0.png", "old", "2026-01-01"),
        ("gone.png", "old", "2026-01-01"),
    ]:
        query(
            "INSERT INTO IMAGES (STAGE, RELATIVE_PATH, ETAG, SIZE, FIRST_SEEN_AT, GONE_AT) "
            "SELECT 'INCOMING_IMAGES', %(name)s, %(etag)s, 1, SYSDATE(), %(gone_at)s::TIMESTAMP_NTZ",
            name=name,
            etag=etag,
            gone_at=gone_at,
        )


def test_labels_are_appended_for_the_live_version_of_a_file(images: None, warehouse: Warehouse, query: Query) -> None:
    n_new = add_labels(warehouse, [given("1.png", "it's a shirt"), given("0.png", "hat")], work_path="work")

    assert n_new == 2
    assert query(LABELS) == [("0.png", "new", "hat", "person"), ("1.png", "new", "it's a shirt", "person")]
    assert query("SELECT COUNT(DISTINCT LABELLED_AT), MAX(LABELLED_AT) <= SYSDATE() FROM LABELS") == [(1, True)]


def test_what_is_given_again_changes_nothing_and_another_label_is_one_more_row(
    images: None, warehouse: Warehouse, query: Query
) -> None:
    first = [given("0.png", "hat"), given("1.png", "shirt"), given("1.png", "shirt")]
    assert add_labels(warehouse, first, work_path="work") == 2
    assert add_labels(warehouse, first, work_path="work") == 0

    assert add_labels(warehouse, [given("0.png", "cap"), given("1.png", "shirt", source="audit")], work_path="w") == 2
    assert add_labels(warehouse, [given("0.png", "hat")], work_path="work") == 1

    assert [row[2:] for row in query(LABELS) if row[0] == "0.png"] == [
        ("hat", "person"),
        ("cap", "person"),
        ("hat", "person"),
    ]


def test_no_labels_are_no_rows(warehouse: Warehouse) -> None:
    assert add_labels(warehouse, [], work_path="work") == 0


def test_unknown_images_are_named_and_nothing_is_written(images: None, warehouse: Warehouse, query: Query) -> None:
    labels = [given(f"{i}.png", "hat") for i in range(12)]

    with pytest.raises(LabelError) as refused:
        add_labels(warehouse, [*labels, given("gone.png", "hat"), given("1.png", "hat", stage="NEW")], work_path="w")

    message = str(refused.value)
    assert "7 of 14 labels are for images that are not in the catalog: 10.png of stage INCOMING_IMAGES, " in message
    assert message.count(" of stage ") == 5
    assert "…. No label was written; correct the paths, or run inference first" in message
    assert query(LABELS) == []


@pytest.mark.parametrize(
    ("label", "told"),
    [
        (given("1.png", ""), "the label of 1.png of stage INCOMING_IMAGES is empty: say what it shows"),
        (given("1.png", " \t"), "the label of 1.png of stage INCOMING_IMAGES is empty"),
        (
            given("1.png", "hat "),
            "the label of 1.png of stage INCOMING_IMAGES is 'hat ': it would be a class of its own",
        ),
        (given("1.png", "top\that"), r"is 'top\\that': it would be a class of its own"),
        (given("1.png", "hat", source="ann\x00"), "the source of 1.png of stage INCOMING_IMAGES is 'ann"),
        (given("1.png", "x" * (MAX_LENGTH + 1)), r"has 256 characters \(xxxxxxxxxxxxxxxxxxxx…\), at most 255"),
        (given("1.png", "hat", source=""), "the source of 1.png of stage INCOMING_IMAGES is empty"),
        (given("0.png", "cap"), r"0.png of stage INCOMING_IMAGES is given two labels, 'cap' \(person\) and 'hat'"),
    ],
)
def test_a_label_that_says_nothing_or_contradicts_is_refused(
    images: None, warehouse: Warehouse, query: Query, label: GivenLabel, told: str
) -> None:
    with pytest.raises(LabelError, match=told):
        add_labels(warehouse, [given("0.png", "hat"), label], work_path="work")

    assert query(LABELS) == []


def test_the_longest_label_is_taken(images: None, warehouse: Warehouse, query: Query) -> None:
    longest = "ü" * MAX_LENGTH

    assert add_labels(warehouse, [given("0.png", longest)], work_path="work") == 1

    assert query("SELECT LABEL FROM LABELS") == [(longest,)]


def test_of_two_labels_of_the_same_moment_always_the_same_one_counts(
    images: None, warehouse: Warehouse, query: Query
) -> None:
    for label in ("shirt", "hat", "tie"):
        query(
            "INSERT INTO LABELS SELECT 'INCOMING_IMAGES', '1.png', 'new', %(label)s, 'me', '2026-01-01'::TIMESTAMP_NTZ",
            label=label,
        )
    query("INSERT INTO LABELS SELECT 'INCOMING_IMAGES', '1.png', 'new', 'a bag', 'me', '2025-12-31'::TIMESTAMP_NTZ")

    assert query("SELECT RELATIVE_PATH, LABEL FROM CURRENT_LABELS") == [("1.png", "hat")]
    assert add_labels(warehouse, [given("1.png", "hat", source="me")], work_path="work") == 0
