"""What the page has read is kept: by pipeline, panel and arguments, across restarts, and never more than some files."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from include.status import cache as cache_module
from include.status.cache import Cache
from include.store.files import FileStore


@dataclass(frozen=True, kw_only=True)
class Panel:
    at: datetime
    classes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class LaterPanel:
    at: datetime
    n_more: int


PANEL = Panel(at=datetime(2026, 1, 1, tzinfo=UTC), classes=("</script>", "ñ\n%s"))


def test_a_panel_comes_back_after_a_restart_as_it_was_read(tmp_path: Path) -> None:
    # Given a panel that was kept
    Cache(FileStore(str(tmp_path))).keep("classes", Panel, PANEL, watermark="w1", arguments={"page": 2})

    # When another process looks for it, and for another page of it
    found = Cache(FileStore(str(tmp_path))).find("classes", Panel, {"page": 2})
    other = Cache(FileStore(str(tmp_path))).find("classes", Panel, {"page": 3})

    # Then it is as it was, and nothing else is taken for it
    assert found is not None
    assert (found.panel, found.watermark) == (PANEL, "w1")
    assert other is None


def test_what_another_release_has_kept_is_read_anew(tmp_path: Path) -> None:
    cache = Cache(FileStore(str(tmp_path)))
    cache.keep("classes", Panel, PANEL, watermark="w1")

    assert cache.find("classes", LaterPanel) is None


def test_a_torn_file_is_read_anew(tmp_path: Path) -> None:
    cache = Cache(FileStore(str(tmp_path)))
    cache.keep("classes", Panel, PANEL, watermark="w1")
    (file,) = (tmp_path / "status").iterdir()
    file.write_text('{"watermark": "w')

    assert cache.find("classes", Panel) is None


def test_a_store_that_cannot_be_written_keeps_nobody_from_seeing_the_panel(tmp_path: Path) -> None:
    (tmp_path / "status").write_text("a file where the folder should be")

    kept = Cache(FileStore(str(tmp_path))).keep("classes", Panel, PANEL, watermark="w1")

    assert kept.panel == PANEL


def test_what_was_written_first_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "MAX_FILES", 3)
    monkeypatch.setattr(cache_module, "_WRITES_PER_LISTING", 1)
    cache = Cache(FileStore(str(tmp_path)))

    for page in range(6):
        cache.keep("gallery", Panel, PANEL, watermark="w1", arguments={"page": page})

    assert len(list((tmp_path / "status").iterdir())) == 3
    assert cache.find("gallery", Panel, {"page": 5}) is not None
    assert cache.find("gallery", Panel, {"page": 0}) is None
