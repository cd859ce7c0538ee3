"""The picture of a check, as far as the store has it."""

import logging
from pathlib import Path

import pytest
from given_checks import make_check

from include.errors import StoreError
from include.notify.check_picture import check_picture
from include.store.files import FileStore


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    store = FileStore(str(tmp_path))
    store.write("reports/3f9a1c07d2e4b586.png", b"of the window")
    return store


def test_it_is_described_by_its_figures(store: FileStore) -> None:
    picture = check_picture(store, make_check())

    assert picture is not None
    assert picture.name == "drift-3f9a1c07d2e4b586.png"
    assert picture.content == b"of the window"
    assert "confidences 1.48 (threshold 0.21); predicted classes 0.31 (threshold 0.14)" in picture.description
    assert "version" not in picture.description


def test_a_check_without_a_window_shows_that_of_the_drift_it_goes_on_with(store: FileStore) -> None:
    check = make_check(check_id="another", statistics={"open_drift": "3f9a1c07d2e4b586", "n_new_labels": 62})

    picture = check_picture(store, check)

    assert picture is not None
    assert picture.content == b"of the window"


def test_one_that_is_not_there_is_none(store: FileStore) -> None:
    assert check_picture(store, make_check(check_id="pruned")) is None


def test_a_store_that_cannot_be_read_costs_the_picture_alone(
    store: FileStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> bytes:
        raise StoreError("the store is\nnot mounted")

    monkeypatch.setattr(FileStore, "read", fail)

    with caplog.at_level(logging.WARNING):
        assert check_picture(store, make_check()) is None

    assert "the mail has no picture: the store is not mounted" in caplog.text
