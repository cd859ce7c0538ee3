"""Each page can be read in light and dark, on a phone, by keyboard and with a screen reader."""

import re

import pytest
from playwright.sync_api import expect

from tests.ui.visits import LIGHT, LOOKS, PHONE, STATUS_PAGE, Look, OpenVisitor

pytestmark = [pytest.mark.end_to_end, pytest.mark.ui]

OF_PIPELINE = f"{STATUS_PAGE}pipelines/digits"
PAGES = {
    "overview": STATUS_PAGE,
    "pipeline": OF_PIPELINE,
    "gallery": f"{OF_PIPELINE}/gallery",
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
    # And: all that can be pressed is reached by keyboard, and has a name
    stops = visitor.walk_by_keyboard()
    assert stops[0] == "Skip to the content"
    assert set(visitor.reachable()) <= set(stops)
    assert "" not in stops


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.name)
def test_a_picture_leads_to_its_history_and_an_arrow_key_to_the_next(visit: OpenVisitor, look: Look) -> None:
    # Given: the gallery
    visitor = visit(look=look)
    page = visitor.go(PAGES["gallery"])

    # When
    page.locator("a.picture").first.click()
    page.wait_for_url(re.compile(r"/images\?"))
    visitor.settle()

    # Then: it says what was answered, by which version, and can be read by everybody
    path = page.get_by_role("heading", level=1).inner_text()
    expect(page.locator("main")).to_contain_text("version")
    visitor.photograph("image")
    assert visitor.barriers() == []
    assert visitor.faults == []
    assert not visitor.is_wider_than_the_screen()
    # And: the next one is a key away
    page.keyboard.press("ArrowRight")
    page.wait_for_url(re.compile(r"place=2"))
    assert page.get_by_role("heading", level=1).inner_text() != path


@pytest.mark.parametrize("look", [LIGHT, PHONE], ids=lambda look: look.name)
def test_classifiers_are_two_clicks_away_in_airflow(visit: OpenVisitor, look: Look) -> None:
    # Given: Airflow's own first page
    visitor = visit(look=look)
    page = visitor.go("/")

    # When
    page.get_by_role("link", name="Classifiers").click()
    framed = page.frame_locator("iframe")
    framed.get_by_role("link", name="digits").click()

    # Then: the classifier's page stands in Airflow's frame, and has an address of its own that can be sent to others
    expect(framed.get_by_role("heading", name="digits", level=1)).to_be_visible()
    visitor.photograph("in-airflow")
    expect(page).to_have_url(f"{visitor.url}/plugin/classifiers/driftgate/pipelines/digits")


def test_what_airflow_shows_dark_is_dark(visit: OpenVisitor) -> None:
    visitor = visit(look=LIGHT)
    visitor.go(STATUS_PAGE)
    light = visitor.page.evaluate("getComputedStyle(document.body).backgroundColor")

    visitor.page.evaluate("localStorage.setItem('theme', 'dark')")
    visitor.go(STATUS_PAGE)

    assert visitor.page.evaluate("getComputedStyle(document.body).backgroundColor") != light


def test_who_is_not_logged_in_is_shown_the_way(visit: OpenVisitor) -> None:
    visitor = visit(user=None)

    page = visitor.go(OF_PIPELINE)

    expect(page.get_by_role("heading", name="Log in to Airflow first")).to_be_visible()
    expect(page.get_by_role("link", name="Log in")).to_be_visible()
    assert "digits" not in page.inner_text("main")
