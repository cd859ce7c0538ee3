"""What a mail looks like, whatever names it has to show."""

import re
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from include.notify.mail import MAX_SUBJECT, Mail, Message, Picture, compose

URL = "https://airflow.example.com/dags/digits_training/runs/drift__1?a=1&b=2"


def message(**changes: object) -> Message:
    parts: dict[str, object] = {
        "pipeline": "garments",
        "kind": "drift",
        "headline": "drift of version 3",
        "sentences": ("The answers look otherwise.", "Nothing was started."),
        "reasons": ("distance 1.48 is above 0.21",),
        "actions": ('`./driftgate train garments --reason "…"` trains now.',),
        "facts": (("Verdict", "DATA_DRIFT"), ("Check", "3f9a")),
        "links": (("The run", URL),),
    }
    return Message(**{**parts, **changes})  # type: ignore[arg-type]


class Page(HTMLParser):
    """What a reader of the HTML sees, and where its links lead."""

    def __init__(self, mail: Mail) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str | None] = []
        self.images: list[dict[str, str | None]] = []
        self._texts: list[str] = []
        self._hidden = 0
        self.feed(mail.html)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self._texts).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._hidden += tag in {"style", "title"}
        if tag == "a":
            self.links.append(dict(attrs)["href"])
        elif tag == "img":
            self.images.append(dict(attrs))

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in {"style", "title"}

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self._texts.append(data)


def in_one_line(text: str) -> str:
    return " ".join(text.split())


def test_both_parts_say_all_of_it() -> None:
    mail = compose(message())

    page = Page(mail)
    assert mail.subject == "[driftgate] garments: drift of version 3"
    for part in (
        "Drift of version 3",
        "The answers look otherwise.",
        "Nothing was started.",
        "distance 1.48 is above 0.21",
        './driftgate train garments --reason "…"',
        "DATA_DRIFT",
        "3f9a",
        "The run",
    ):
        assert part in page.text
        assert part in in_one_line(mail.text)
    assert page.links == [URL]
    assert URL in mail.text
    assert max(len(line) for line in mail.text.splitlines() if URL not in line) <= 78


def test_a_class_name_is_shown_and_is_no_html() -> None:
    name = 'T-shirt <b onclick="x()">Ärmel\r\nlos</b> & {{ 7 * 7 }}'

    mail = compose(
        message(reasons=(f"recall of {name!s} fell",), facts=(("Class", name),), actions=(f"Look at {name}",))
    )

    shown = 'T-shirt <b onclick="x()">Ärmel los</b> & {{ 7 * 7 }}'
    assert Page(mail).text.count(shown) == 3
    assert "b" not in Page(mail).tags
    assert in_one_line(mail.text).count(shown) == 3


def test_a_subject_is_one_short_line() -> None:
    headline = "drift\r\nBcc: everyone@example.com\x00\x1b[31m\u2028\u202etfihs" + " of ärmel" * 40

    subject = compose(message(headline=headline)).subject

    assert subject.startswith("[driftgate] garments: drift Bcc: everyone@example.com [31m tfihs of ärmel")
    assert subject.endswith("…")
    assert len(subject) <= MAX_SUBJECT
    assert subject.isprintable()


def test_what_is_very_long_is_cut() -> None:
    mail = compose(message(reasons=("x" * 100_000,)))

    assert len(mail.html) < 20_000
    assert len(mail.text) < 5_000


def test_only_an_address_becomes_a_link() -> None:
    links = (
        ("The run", "/dags/a/runs/b"),
        ("Script", "javascript:alert(1)"),
        ("Page", 'https://a.example/"onclick="b'),
    )

    page = Page(compose(message(links=links)))

    assert page.links == ['https://a.example/"onclick="b']
    assert "The run: /dags/a/runs/b" in page.text
    assert "Script: javascript:alert(1)" in page.text


def test_it_loads_nothing_from_anywhere() -> None:
    mail = compose(message(links=()))

    assert not {"img", "script", "link", "iframe"} & set(Page(mail).tags)
    assert not re.search(r"https?://|url\(|@import", mail.html)


def test_pictures_are_shown_and_named_and_described() -> None:
    pictures = tuple(
        Picture(name=f"{name}.png", content=name.encode(), description=f'"{name}" >\n<b>')
        for name in ("sheet", "drift")
    )

    mail = compose(message(pictures=pictures))

    assert [image["src"] for image in Page(mail).images] == [f"cid:{picture.content_id}" for picture in mail.pictures]
    assert [image["alt"] for image in Page(mail).images] == ['"sheet" > <b>', '"drift" > <b>']
    assert [picture.content for picture in mail.pictures] == [b"sheet", b"drift"]
    assert len({picture.content_id for picture in mail.pictures}) == 2
    assert 'Picture sheet.png: "sheet" > <b>' in mail.text
    assert "b" not in Page(mail).tags


def test_a_message_without_extras_has_no_empty_parts() -> None:
    mail = compose(message(reasons=(), actions=(), facts=(), links=()))

    assert not {"ul", "h2", "a", "th"} & set(Page(mail).tags)
    assert "Why" not in mail.text
    assert "\n\n\n" not in mail.text


any_text = st.text(st.characters(), max_size=60)  # with halves of surrogate pairs: what file names may hold


@given(any_text, any_text, any_text)
def test_any_name_can_be_told(headline: str, reason: str, value: str) -> None:
    mail = compose(
        message(headline=headline, sentences=(reason,), reasons=(reason,), actions=(reason,), facts=((reason, value),))
    )

    assert mail.subject.isprintable()
    mail.subject.encode()
    mail.text.encode()
    mail.html.encode()
    assert not {"script", "b"} & set(Page(mail).tags)
