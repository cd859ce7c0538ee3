"""Names that people gave, as they can be shown in one line."""


def printable(text: str) -> str:
    """Return a text in one line: line feeds, escape sequences and halves of characters are written out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
