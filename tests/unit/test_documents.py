"""Links in the README and in docs/ lead somewhere."""

import re
from pathlib import Path

import pytest

from include.config import PROJECT_ROOT

DOCUMENTS = [PROJECT_ROOT / "README.md", *sorted((PROJECT_ROOT / "docs").rglob("*.md"))]
_LINK = re.compile(r"""\]\(([^)\s]+)\)|(?:src|srcset)="([^"]+)\"""")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT_ROOT)))
def test_what_a_document_links_to_is_there(document: Path) -> None:
    text = document.read_text(encoding="utf-8")

    targets = ["".join(groups).partition("#")[0] for groups in _LINK.findall(text)]
    local = [target for target in targets if target and "://" not in target]

    assert [target for target in local if not (document.parent / target).exists()] == []


def test_pictures_are_small() -> None:
    pictures = list((PROJECT_ROOT / "docs" / "pictures").iterdir())

    assert pictures
    assert all(picture.stat().st_size < 150_000 for picture in pictures)
