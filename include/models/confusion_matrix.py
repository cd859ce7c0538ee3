"""A confusion matrix as a picture."""

import io
import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

_MAX_LABEL_LENGTH = 24
_CHARACTERS_PER_INCH = 10
_DARK = 0.5
"""Above this share of its row a cell is so dark that its number is white."""


def confusion_matrix_png(matrix: Sequence[Sequence[int]], *, classes: Sequence[str], title: str) -> bytes:
    """Draw a confusion matrix: counts as numbers, the share of the true class as colour.

    Args:
        matrix: How many images of the class of the row were given the class of the column, [n_classes, n_classes].
        classes: The names of the classes.
        title: Drawn as it is, without mathematics.

    Returns:
        A PNG file, legible for 2 to about 50 classes.
    """
    counts = np.asarray(matrix, dtype=np.int64)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    names = [_shortened(name) for name in classes]
    inches = 1.6 + max(0.34, 0.62 - 0.012 * len(names)) * max(len(names), 4)

    figure = Figure(figsize=(inches + 1.2, inches), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    # parse_math: a class called $100$ is a name, not a formula
    axes.set_xticks(range(len(names)), names, rotation=90 if len(names) > 12 else 45, parse_math=False)
    for label in axes.get_xticklabels():
        label.set(ha="center" if len(names) > 12 else "right", rotation_mode="default" if len(names) > 12 else "anchor")
    axes.set_yticks(range(len(names)), names, parse_math=False)
    axes.set(xlabel="predicted", ylabel="true")
    width = int(figure.get_figwidth() * _CHARACTERS_PER_INCH)
    figure.suptitle(textwrap.fill(title, width, max_lines=3, placeholder=" …"), fontsize=11, parse_math=False)
    size = float(np.clip(120 / len(names), 5.5, 10))
    for (row, column), count in np.ndenumerate(counts):
        if count or len(names) <= 12:  # zeros of many classes only hide what is there
            colour = "white" if shares[row, column] > _DARK else "#333333"
            axes.text(column, row, str(count), ha="center", va="center", fontsize=size, color=colour)
    figure.colorbar(image, ax=axes, label="share of the true class", shrink=0.8)
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()


def _shortened(name: str) -> str:
    """Put a name on one line, no longer than it may be."""
    name = " ".join(name.split())
    return name if len(name) <= _MAX_LABEL_LENGTH else name[: _MAX_LABEL_LENGTH - 1] + "…"
