"""Texts from outside in Markdown, as Airflow's pages show it: neither markup nor HTML nor a link."""

import html
import re
from collections.abc import Sequence

_MARKUP = re.compile(r"[\\`*_\[\]{}()#+!|~@]|:(?=//)|(?<=www)\.", re.IGNORECASE)
"""What means something inside a line of Markdown, and what makes a link of a bare address."""


def escaped(text: str) -> str:
    """Return a text that shows as it is in Markdown, in one line."""
    line = html.escape(" ".join(text.split()), quote=False)
    return _MARKUP.sub(lambda found: f"\\{found[0]}", line)


def bullets(texts: Sequence[str]) -> list[str]:
    """Return the lines of a list of texts, which are escaped."""
    return [f"- {escaped(text)}" for text in texts]


def table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the lines of a table; its cells are escaped."""
    cells = [[escaped(cell) for cell in row] for row in rows]
    return [f"| {' | '.join(line)} |" for line in (header, ["---"] * len(header), *cells)]
