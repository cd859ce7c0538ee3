"""Each page can be read in light and dark, on a phone, by keyboard and with a screen reader."""

import pytest

from tests.ui.visits import LOOKS, STATUS_PAGE, Look, OpenVisitor

pytestmark = [pytest.mark.end_to_end, pytest.mark.ui]

PAGES = {
    "overview": STATUS_PAGE,
    "pipeline": f"{STATUS_PAGE}pipelines/digits",
}


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.name)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_read_by_everybody(visit: OpenVisitor, name: str, look: Look) -> None:
    visitor = visit(look=look)

    visitor.go(PAGES[name])
    visitor.photograph(name)

    assert visitor.barriers() == []
    assert visitor.faults == []
    assert not visitor.is_wider_than_the_screen()
