"""Panels as figures for Plotly: data and layout, ready for JSON. The browser adds the theme.

A colour is a variable of the style sheet. What needs more room than a phone has says so as `min_width`, in pixels.
Plotly takes some tags in a text for markup: what people have named goes through `plain`.
"""

import html
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:  # what they import is not needed to draw
    from include.status.challenger import Duel
    from include.status.classes import Matrix
    from include.status.confidence import Compared

Figure = dict[str, Any]

_LONGEST: Final = 28
"""Letters of a name that fit beside an axis."""
_LONGEST_BELOW: Final = 14
"""Letters of a name that fit below one."""
_NAMED_EDGES: Final = (0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.96, 1)


def plain(text: str, *, at_most: int = _LONGEST) -> str:
    """Return what somebody has named as a text that Plotly shows as it is, on one line and not too long."""
    line = " ".join(text.split())
    return html.escape(line if len(line) <= at_most else f"{line[: at_most - 1]}…", quote=False)


def titled(text: str) -> Figure:
    """Return the title of an axis."""
    return {"text": text, "font": {"size": 12, "color": "var(--quiet)"}, "standoff": 8}


def confidence_chart(compared: "Compared") -> Figure:
    """Draw how many answers are at most how sure, over what would be so without drift."""
    places = list(range(len(compared.edges)))
    edges = [f"{edge:g}" for edge in compared.edges]
    first = next(place for place, share in enumerate(compared.baseline) if share or compared.window[place]) - 1
    band = f"{100 * (1 - compared.false_alarm_rate):g}"
    share = {"hovertemplate": "%{y:.1%}", "x": places, "mode": "lines", "customdata": edges}
    return {
        "data": [
            {**share, "y": compared.low, "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False},
            {
                **share,
                "y": compared.high,
                "line": {"width": 0},
                "fill": "tonexty",
                "fillcolor": "var(--band)",
                "hoverinfo": "skip",
                "name": f"without drift ({band} %)",
            },
            {
                **share,
                "y": compared.baseline,
                "name": "held-out images",
                "line": {"color": "var(--c1)", "dash": "dash", "width": 1.5},
            },
            {**share, "y": compared.window, "name": "new images", "line": {"color": "var(--c2)", "width": 2.5}},
        ],
        "layout": {
            "hovermode": "x unified",
            "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom"},
            "xaxis": {
                "title": titled("confidence of the answer (less sure to the left)"),
                "tickvals": places,
                "ticktext": [edge if compared.edges[place] in _NAMED_EDGES else "" for place, edge in enumerate(edges)],
                "range": [max(0, first), places[-1]],
            },
            "yaxis": {"title": titled("answers at most so sure"), "tickformat": ".0%", "range": [0, 1.02]},
        },
    }


def matrix_chart(matrix: "Matrix") -> Figure:
    """Draw a confusion matrix: the share of the true class as colour, the images as numbers."""
    names = [plain(label) for label in matrix.labels]
    places = list(range(len(names)))
    of_class = [max(1, sum(counts)) for counts in matrix.counts]
    below = [plain(label, at_most=_LONGEST_BELOW) for label in matrix.labels]
    axis = {"tickvals": places, "showgrid": False, "zeroline": False}
    return {
        "data": [
            {
                "type": "heatmap",
                "z": [[n / of_class[row] for n in counts] for row, counts in enumerate(matrix.counts)],
                "text": [[f"{n:,}" if n else "" for n in counts] for counts in matrix.counts],
                "texttemplate": "%{text}",
                "customdata": [
                    [[names[row], names[place], n] for place, n in enumerate(counts)]
                    for row, counts in enumerate(matrix.counts)
                ],
                "hovertemplate": "%{customdata[0]} taken for %{customdata[1]}: %{customdata[2]:,} (%{z:.1%})"
                "<extra></extra>",
                "colorscale": [[0, "var(--surface)"], [1, "var(--c1)"]],
                "zmin": 0,
                "zmax": 1,
                "showscale": False,
                "xgap": 1,
                "ygap": 1,
            }
        ],
        "min_width": 240 + 30 * len(names),
        "layout": {
            "height": 150 + 28 * len(names),
            "plot_bgcolor": "var(--line)",
            "xaxis": {**axis, "ticktext": below, "title": titled("taken for"), "tickangle": -45},
            "yaxis": {**axis, "ticktext": names, "title": titled("true class"), "autorange": "reversed"},
        },
    }


def challenger_chart(duel: "Duel") -> Figure:
    """Draw by how much more, or less, of each class the challenger recognises."""
    shown = list(reversed(duel.classes))
    return {
        "data": [
            {
                "type": "bar",
                "orientation": "h",
                "y": list(range(len(shown))),
                "x": [one.difference for one in shown],
                "marker": {"color": ["var(--c3)" if one.difference >= 0 else "var(--c5)" for one in shown]},
                "customdata": [
                    [plain(one.label), one.champion_recall, one.challenger_recall, one.n_images] for one in shown
                ],
                "hovertemplate": "%{customdata[0]}: %{customdata[1]:.1%} → %{customdata[2]:.1%} of %{customdata[3]:,} "
                "images<extra></extra>",
            }
        ],
        "layout": {
            "height": 90 + 26 * len(shown),
            "xaxis": {"title": titled("change of recall"), "tickformat": "+.0%", "zerolinecolor": "var(--quiet)"},
            "yaxis": {
                "tickvals": list(range(len(shown))),
                "ticktext": [plain(one.label) for one in shown],
                "showgrid": False,
                "zeroline": False,
            },
        },
    }
