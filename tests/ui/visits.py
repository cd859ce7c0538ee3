"""A person at a browser: what they see of a page, and what is wrong with it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response

STATUS_PAGE = "/driftgate/"
"""Below Airflow's address."""
_SERIOUS = {"serious", "critical"}
_MOST_STOPS = 200
_MOST_SCREENS = 100
_SCROLL_ON = """() => {
    window.scrollBy(0, window.innerHeight / 2);
    return window.innerHeight + window.scrollY + 1 >= document.documentElement.scrollHeight;
}"""


class Look(NamedTuple):
    """How somebody looks at pages."""

    name: str
    width: int
    height: int
    scheme: Literal["light", "dark"]


LIGHT = Look("light", 1280, 900, "light")
DARK = Look("dark", 1280, 900, "dark")
PHONE = Look("phone", 390, 844, "dark")
LOOKS = (LIGHT, DARK, PHONE)


@dataclass
class Visitor:
    """Somebody who opens pages of an instance.

    Args:
        page: Their tab.
        url: Of Airflow.
        artefacts: Where screenshots go.
        look: How they look at it.
    """

    page: Page
    url: str
    artefacts: Path
    look: Look
    requests: list[Request] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    """What went wrong meanwhile: errors of scripts, answers that are none, requests to other places."""

    @classmethod
    def open(cls, browser: Browser, *, url: str, token: str | None, look: Look, artefacts: Path) -> "Visitor":
        """Open a tab of its own, for somebody who is logged in if there is a token."""
        context = browser.new_context(
            viewport={"width": look.width, "height": look.height},
            color_scheme=look.scheme,
            has_touch=look is PHONE,
            reduced_motion="reduce",
        )
        if token:
            context.add_cookies([{"name": "_token", "value": token, "url": url}])
        visitor = cls(context.new_page(), url, artefacts, look)
        visitor._listen()
        return visitor

    def go(self, path: str) -> Page:
        """Open a page, and wait until all of it is there."""
        self.page.goto(f"{self.url}{path}")
        self.settle()
        return self.page

    def settle(self) -> None:
        """Scroll through the page, as its parts load when they are seen, and wait for them."""
        self.page.wait_for_load_state("networkidle")
        for _ in range(_MOST_SCREENS):
            is_at_end = self.page.evaluate(_SCROLL_ON)
            self.page.wait_for_load_state("networkidle")
            if is_at_end and not self.page.locator("main .loading:visible").count():
                break
            self.page.wait_for_timeout(50)
        self.page.evaluate("window.scrollTo(0, 0)")
        self.page.wait_for_load_state("networkidle")

    def photograph(self, name: str) -> Path:
        """Keep a picture of the whole page."""
        path = self.artefacts / f"{name}-{self.look.name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=path, full_page=True)
        return path

    def barriers(self) -> list[str]:
        """Return what axe finds serious: what keeps people with a screen reader, or weak eyes, from using the page."""
        found = Axe().run(self.page).response["violations"]
        return [_told(violation) for violation in found if violation["impact"] in _SERIOUS]

    def is_wider_than_the_screen(self) -> bool:
        """Whether one has to scroll sideways."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth + 1"))

    def walk_by_keyboard(self) -> list[str]:
        """Press Tab until it begins anew; return each stop's name, as a screen reader would say it."""
        self.page.evaluate("document.activeElement?.blur?.()")
        stops: list[str] = []
        for _ in range(_MOST_STOPS):
            self.page.keyboard.press("Tab")
            stop = self.page.evaluate(_FOCUSED)
            if stop is None:
                return stops
            stops.append(stop)
        raise AssertionError(f"after {_MOST_STOPS} stops Tab has not come round: {stops[:5]} …")

    def reachable(self) -> list[str]:
        """Return the names of all that can be pressed and is to be seen."""
        names: list[str] = self.page.evaluate(_PRESSABLE)
        return names

    def close(self) -> None:
        """Close the tab."""
        self.page.context.close()

    def _listen(self) -> None:
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.faults.append(f"script: {error}"))
        self.page.on("request", self._note)
        self.page.on("response", self._check)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.faults.append(f"console: {message.text}")

    def _note(self, request: Request) -> None:
        self.requests.append(request)
        if not request.url.startswith((self.url, "data:", "blob:")):
            self.faults.append(f"another place: {request.url}")

    def _check(self, response: Response) -> None:
        if response.status >= 400:
            self.faults.append(f"{response.status}: {response.url}")


OpenVisitor = Callable[..., Visitor]


def _told(violation: dict[str, Any]) -> str:
    places = [" ".join(node["target"]) if node["target"] else "?" for node in violation["nodes"]]
    return f"{violation['impact']}: {violation['id']} ({violation['help']}) at {', '.join(places[:5])}"


_NAME = """
    const nameOf = (element) => (
        element.getAttribute("aria-label") || element.innerText || element.getAttribute("title")
        || element.getAttribute("alt") || element.querySelector?.("img")?.alt
        || (element.labels?.[0]?.innerText) || element.tagName
    ).trim().replace(/\\s+/g, " ");
"""
_FOCUSED = f"""() => {{
    {_NAME}
    const element = document.activeElement;
    if (!element || element === document.body || element === document.documentElement) return null;
    return nameOf(element);
}}"""
_PRESSABLE = f"""() => {{
    {_NAME}
    const found = document.querySelectorAll("a[href], button:not([disabled]), select, input, summary");
    return [...found].filter((element) => element.checkVisibility({{visibilityProperty: true}})
        && element.tabIndex >= 0).map(nameOf);
}}"""
