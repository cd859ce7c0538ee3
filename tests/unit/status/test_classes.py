"""The table of classes and the confusion matrix, however many classes there are."""

import pytest

from include.status.classes import (
    MATRIX_CLASSES,
    PAGE_SIZE,
    ClassLine,
    class_page,
    confused_pairs,
    confusion_pairs,
    readable_matrix,
)


def line(label: str, *, recall: float | None = None, n_answered: int = 0) -> ClassLine:
    return ClassLine(
        label=label,
        n_held_out=1,
        precision=None,
        recall=recall,
        mistaken_for=None,
        n_answered=n_answered,
        n_labelled=0,
        n_labelled_right=0,
    )


LINES = tuple(line(f"class {number:05}", recall=number / 10_000, n_answered=number % 7) for number in range(10_000))


def test_a_page_of_ten_thousand_classes_has_fifty() -> None:
    found = class_page(LINES, sort="recall", is_descending=False, search="", page=2)

    assert (len(found.lines), found.page, found.n_pages, found.n_found) == (PAGE_SIZE, 2, 200, 10_000)
    assert found.lines[0].label == "class 00050"


@pytest.mark.parametrize(("asked", "given"), [(-1, 1), (0, 1), (201, 200), (10**9, 200)])
def test_a_page_that_is_not_there_is_the_nearest_one(asked: int, given: int) -> None:
    assert class_page(LINES, sort="label", is_descending=False, search="", page=asked).page == given


def test_classes_are_found_by_a_part_of_their_names() -> None:
    found = class_page((line("Shirt"), line("coat")), sort="label", is_descending=True, search="sHi", page=1)

    assert [one.label for one in found.lines] == ["Shirt"]
    assert class_page(LINES, sort="label", is_descending=True, search="no such", page=1).lines == ()


def test_what_is_not_known_comes_last_either_way() -> None:
    lines = (line("a", recall=0.5), line("b"), line("c", recall=0.7))

    rising = class_page(lines, sort="recall", is_descending=False, search="", page=1)
    falling = class_page(lines, sort="recall", is_descending=True, search="", page=1)

    assert [one.label for one in rising.lines] == ["a", "c", "b"]
    assert [one.label for one in falling.lines] == ["c", "a", "b"]


def test_a_matrix_of_many_classes_shows_those_that_are_confused() -> None:
    confusion = {f"{number:05}": {f"{number:05}": 9} for number in range(10_000)}
    confusion["00007"]["09000"] = 4
    confusion["00300"]["00301"] = 5

    matrix = readable_matrix(confusion_pairs(confusion))

    assert matrix.labels == ("00007", "00300", "00301", "09000")
    assert not matrix.is_whole
    assert matrix.counts == ((9, 0, 0, 4), (0, 9, 5, 0), (0, 0, 9, 0), (0, 0, 0, 9))
    assert [(one.truth, one.given, one.n_images) for one in confused_pairs(confusion_pairs(confusion))] == [
        ("00300", "00301", 5),
        ("00007", "09000", 4),
    ]


def test_a_matrix_without_mistakes_still_shows_classes() -> None:
    matrix = readable_matrix(confusion_pairs({str(number): {str(number): 9} for number in range(100)}))

    assert len(matrix.labels) == MATRIX_CLASSES
    assert not matrix.is_whole


def test_classes_that_were_never_held_out_have_a_row() -> None:
    assert readable_matrix(confusion_pairs({"a": {"a": 3}, "b": {}})).counts == ((3, 0), (0, 0))
