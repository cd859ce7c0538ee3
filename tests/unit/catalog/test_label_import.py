"""Labels that come back in a list: what is loaded, and what is refused."""

from collections.abc import Callable
from typing import Any

import pytest

from include.catalog.label_import import ImportedLabels, import_labels
from include.catalog.label_lists import write_list
from include.catalog.requested import open_requests
from include.config import PipelineConfig
from include.errors import LabelError
from include.warehouse.session import Warehouse

Query = Callable[..., list[tuple[Any, ...]]]
Import = Callable[..., ImportedLabels]

LABELS = "SELECT STAGE, RELATIVE_PATH, LABEL, SOURCE FROM LABELS ORDER BY STAGE, RELATIVE_PATH, LABELLED_AT"


@pytest.fixture
def images(query: Query) -> None:
    """Seven incoming images, of which check c1 has asked for four, one of training, and a version of two classes."""
    for name in (*(f"{place}.png" for place in range(6)), "=1+1.png"):
        query(
            "INSERT INTO IMAGES SELECT 'INCOMING_IMAGES', %(name)s, 'e', 1, SYSDATE(), '', NULL, NULL, NULL, "
            "SYSDATE(), NULL",
            name=name,
        )
    query(
        "INSERT INTO IMAGES SELECT 'TRAINING_IMAGES', 'Tie/1.png', 'e', 1, SYSDATE(), '', NULL, 'Tie', NULL, "
        "SYSDATE(), NULL"
    )
    query(
        "INSERT INTO LABEL_REQUESTS SELECT 'c1', STAGE, RELATIVE_PATH, ETAG, 1, IFF(RELATIVE_PATH = '0.png', 'random', "
        "'informative'), '@Hat', 0.4, NULL, ROW_NUMBER() OVER (ORDER BY RELATIVE_PATH), SYSDATE() FROM IMAGES "
        "WHERE RELATIVE_PATH IN ('0.png', '1.png', '2.png', '=1+1.png')"
    )
    query(
        "INSERT INTO MODEL_VERSIONS (VERSION, SNAPSHOT_ID, CONFIG, METRICS, N_TRAINING_IMAGES, ARTIFACT_PATH, SHA256, "
        "TEMPERATURE, RUN_ID, CREATED_AT) SELECT 1, 's', PARSE_JSON('{}'), PARSE_JSON('{}'), 1, 'a', 'b', 1, 'r', "
        "SYSDATE()"
    )
    for label in ("@Hat", "T-Shirt"):
        query(
            "INSERT INTO SNAPSHOT_IMAGES SELECT 's', 'TRAINING', %(label)s, 'e', %(label)s, 'path', 'train', 'c'",
            label=label,
        )


@pytest.fixture
def load(warehouse: Warehouse, config: PipelineConfig) -> Import:
    def run(content: str | bytes, *, new_classes: bool = False) -> ImportedLabels:
        content = content.encode() if isinstance(content, str) else content
        return import_labels(warehouse, config, content, allow_new_classes=new_classes, work_path="w")

    return run


def test_the_list_that_was_asked_for_is_loaded_with_how_each_image_was_picked(
    images: None, load: Import, warehouse: Warehouse, query: Query
) -> None:
    lines = write_list(open_requests(warehouse)).decode("utf-8-sig").splitlines()
    answers = ["", "'@Hat", "T-Shirt", "", "T-Shirt"]  # in the order of the numbers: 0, 1, 2, =1+1
    content = "\n".join([lines[0], *(line + answer for line, answer in zip(lines[1:], answers[1:], strict=True))])

    imported = load(content)

    assert imported == ImportedLabels(n_labels=3, n_new=3, n_empty=1, outdated=(), new_classes=())
    assert query(LABELS) == [
        ("INCOMING_IMAGES", "0.png", "@Hat", "random"),
        ("INCOMING_IMAGES", "1.png", "T-Shirt", "informative"),
        ("INCOMING_IMAGES", "=1+1.png", "T-Shirt", "informative"),
    ]
    assert [request.relative_path for request in open_requests(warehouse)] == ["2.png"]
    assert load(content).n_new == 0


def test_check_and_number_name_an_image_and_a_path_alone_is_found_to_be_asked_for(
    images: None, load: Import, query: Query
) -> None:
    assert load("check,number,label\nc1,2,Tie\n").n_new == 1
    assert load("relative_path,label\n0.png,Tie\n5.png,@Hat\n").n_new == 2
    assert load("relative_path,label,stage,source\nTie/1.png,@Hat,TRAINING_IMAGES,ann\n").n_new == 1
    # A correction of an answer is one, too.
    assert load("relative_path,label,source\n1.png,@Hat,ann\n").n_new == 1

    assert query(LABELS) == [
        ("INCOMING_IMAGES", "0.png", "Tie", "random"),
        ("INCOMING_IMAGES", "1.png", "Tie", "informative"),
        ("INCOMING_IMAGES", "1.png", "@Hat", "informative"),
        ("INCOMING_IMAGES", "5.png", "@Hat", "person"),
        ("TRAINING_IMAGES", "Tie/1.png", "@Hat", "ann"),
    ]


def test_an_image_that_has_changed_since_it_was_shown_is_left_out_and_told(
    images: None, load: Import, query: Query
) -> None:
    query("UPDATE IMAGES SET ETAG = 'other' WHERE RELATIVE_PATH = '1.png'")
    query("UPDATE IMAGES SET GONE_AT = SYSDATE() WHERE RELATIVE_PATH = '2.png'")

    imported = load("check,number,label\nc1,1,Tie\nc1,2,Tie\nc1,3,Tie\n")

    assert (imported.n_labels, imported.outdated) == (1, ("1.png", "2.png"))
    assert query(LABELS) == [("INCOMING_IMAGES", "0.png", "Tie", "random")]


def test_a_new_class_has_to_be_meant(images: None, load: Import, query: Query) -> None:
    content = "relative_path,label\n0.png,Tie\n1.png,t-shirt\n2.png,手袋\n"
    with pytest.raises(LabelError) as refused:
        load(content)

    told = str(refused.value)
    assert "nobody knows the class 't-shirt' (line 3, perhaps 'T-Shirt'), '手袋' (line 4)" in told
    assert "No label was written; the known classes are '@Hat', 'T-Shirt', 'Tie'" in told
    assert "--new-classes" in told
    assert query(LABELS) == []

    assert load(content, new_classes=True).new_classes == ("t-shirt", "手袋")
    assert len(query(LABELS)) == 3


def test_before_there_is_any_class_every_label_is_taken(load: Import, query: Query) -> None:
    query("INSERT INTO IMAGES SELECT 'INCOMING_IMAGES', 'a', 'e', 1, SYSDATE(), '', NULL, NULL, NULL, SYSDATE(), NULL")

    assert load("relative_path,label\na,hat").n_new == 1


def test_a_list_without_any_label_loads_nothing(images: None, load: Import) -> None:
    assert load("relative_path,label\n0.png,\n1.png,  \n") == ImportedLabels(0, 0, 2, (), ())


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            "relative_path,label\n0.png,Tie\n9.png,Tie",
            "1 of 2 labels are for images that are not in the catalog: 9.png",
        ),
        ("relative_path,label\n0.png,Tie\n0.png,@Hat", "lines 2 and 3 give 0.png two labels, 'Tie' and '@Hat'"),
        ("check,number,relative_path,label\nc1,1,,Tie\n,,0.png,@Hat", "lines 2 and 3 give 0.png two labels"),
        ("relative_path,label\n,Tie", "line 2 names no image: give its relative_path, or check and number"),
        ("relative_path,label,stage\n0.png,Tie,NEW", "line 2: the stages are INCOMING_IMAGES and TRAINING_IMAGES, not"),
        ("relative_path,label,source\n5.png,Tie,random", "line 2: the source 'random' is for images that people were"),
        ("check,number,label\nc9,1,Tie", "line 2: check c9 has asked for no label"),
        ("check,number,label\nc1,9,Tie", "line 2: check c1 has not asked for number 9"),
        ("check,number,relative_path,label\nc1,1,2.png,Tie", "line 2: number 1 of check c1 is 0.png, not 2.png"),
        ("check,number,relative_path,label\nc1,,5.png,Tie", "line 2: check c1 has not asked for 5.png"),
        ("check,number,label\nc1,,Tie", "line 2: check c1 has not asked for an image without number and path"),
        ("relative_path,label\n0.png," + "x" * 300, "has 300 characters"),
        ("relative_path,label\n0.png,Tie\n1.png,a\tb", "the label of 1.png .* would be a class of its own"),
        ("relative_path,label\n0.png,Tie\n1.png", None),
    ],
)
def test_a_list_is_loaded_whole_or_not_at_all(
    images: None, load: Import, query: Query, content: str, told: str | None
) -> None:
    if told is None:  # a line that ends early has no label
        assert load(content).n_empty == 1
        return
    with pytest.raises(LabelError, match=told):
        load(content, new_classes=True)

    assert query(LABELS) == []
