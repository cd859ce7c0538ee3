"""What happened from day to day, as figures for Plotly: verdicts, accuracy, volume."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from driftgate.status.charts import Figure, plain, titled

if TYPE_CHECKING:  # what they import is not needed to draw
    from include.drift.report.titles import Tone
    from include.status.accuracy import AccuracyOverTime, WindowAccuracy
    from include.status.verdicts import ChampionChange, VerdictPoint, Verdicts
    from include.status.volume import Volume

_MOST_TIMES: Final = 4.0
"""The most thresholds that a chart shows: what is further away is drawn there."""
_MOST_NAMED: Final = 8
"""So many changes of champion have their names in a chart; of more, the lines are enough."""
_SYMBOLS: Final[Mapping["Tone", str]] = {"well": "circle", "watch": "diamond", "act": "triangle-up", "none": "square"}
"""So that colour is not all that tells verdicts apart."""
_TONES: Final[Mapping["Tone", str]] = {"well": "Well", "watch": "Watch", "act": "Act", "none": "No verdict"}
_OTHERS: Final = "all others"


def verdicts_chart(panel: "Verdicts") -> Figure:
    """Draw each verdict by how far it was from its threshold, and when another version took over."""
    tones: tuple[Tone, ...] = ("well", "watch", "act", "none")
    # a check that acted on labels alone has looked at no image: it would stand where nothing differs
    judged = [point for point in panel.points if point.n_images]
    of_tone = {tone: [point for point in judged if point.tone == tone] for tone in tones}
    changes = [change for change in panel.changes if not panel.points or change.at >= panel.points[0].checked_at]
    shapes, annotations = _change_marks(changes)
    threshold = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 1, "y1": 1}
    return {
        "data": [_verdict_trace(tone, points) for tone, points in of_tone.items() if points],
        "layout": {
            "shapes": [{**threshold, "line": {"color": "var(--quiet)", "width": 1, "dash": "dot"}}, *shapes],
            "annotations": annotations,
            "margin": {"l": 48, "r": 12, "t": 40, "b": 40},
            "xaxis": {"type": "date"},
            "yaxis": {
                "title": titled("distance, in thresholds"),
                "range": [0, _MOST_TIMES * 1.06],
                "tickvals": [0, 1, 2, 3, 4],
                "ticktext": ["0", "1", "2", "3", "4+"],
            },
        },
    }


def accuracy_chart(panel: "AccuracyOverTime") -> Figure:
    """Draw the accuracy of each window: estimated, as labels show it, and as it was when the version was accepted."""
    estimated = [window for window in panel.windows if window.estimated is not None]
    measured = [window for window in panel.windows if window.measured is not None]
    shapes, annotations = _change_marks(
        [change for change in panel.changes if panel.windows and change.at >= panel.windows[0].checked_at]
    )
    lowest = min((at for window in panel.windows for at in _lows(window)), default=0.0)
    traces = _estimate_traces(estimated)
    traces.append(_accepted_trace(panel.windows))
    if measured:
        traces.append(_measured_trace(measured))
    return {
        "data": traces,
        "layout": {
            "hovermode": "x unified",
            "shapes": shapes,
            "annotations": annotations,
            "margin": {"l": 56, "r": 12, "t": 40, "b": 40},
            "xaxis": {"type": "date"},
            "yaxis": {"tickformat": ".0%", "range": [max(0.0, lowest - 0.05), 1.01]},
        },
    }


def volume_chart(panel: "Volume") -> Figure:
    """Draw the new images of each day, by predicted class."""
    days = [day.isoformat() for day in panel.days]
    return {
        "data": [
            {
                "type": "bar",
                "x": days,
                "y": one.by_day,
                "name": plain(one.label) if one.label is not None else _OTHERS,
                "marker": {"color": f"var(--c{place})" if one.label is not None else "var(--none)"},
                "hovertemplate": "%{y:,}",
            }
            for place, one in enumerate(panel.classes, start=1)
        ],
        "layout": {
            "barmode": "stack",
            "hovermode": "x unified",
            "bargap": 0.15,
            "xaxis": {"type": "date"},
            "yaxis": {"title": titled("new images"), "rangemode": "tozero"},
        },
    }


def _verdict_trace(tone: "Tone", points: Sequence["VerdictPoint"]) -> Figure:
    return {
        "mode": "markers",
        "name": _TONES[tone],
        "x": [point.checked_at.isoformat() for point in points],
        "y": [min(point.times or 0.0, _MOST_TIMES) for point in points],
        "customdata": [
            [point.title, point.version, f"{point.n_images:,}", f"{point.times:.2g}" if point.times else "no"]
            for point in points
        ],
        "hovertemplate": "%{customdata[0]}<br>version %{customdata[1]}, %{customdata[2]} images, "
        "%{customdata[3]} thresholds<br>%{x}<extra></extra>",
        "marker": {"color": f"var(--{tone})", "symbol": _SYMBOLS[tone], "size": 10},
    }


def _change_marks(changes: Sequence["ChampionChange"]) -> tuple[list[Figure], list[Figure]]:
    """Return a line for each change of champion, and the names of the latest ones."""
    shapes = [
        {
            "type": "line",
            "yref": "paper",
            "y0": 0,
            "y1": 1,
            "x0": change.at.isoformat(),
            "x1": change.at.isoformat(),
            "layer": "below",
            "line": {
                "color": "var(--act)" if change.event == "ROLLED_BACK" else "var(--c1)",
                "width": 1.5,
                "dash": "dash" if change.event == "ROLLED_BACK" else "solid",
            },
        }
        for change in changes
    ]
    annotations = [
        {
            "x": change.at.isoformat(),
            "y": 1,
            "yref": "paper",
            "yanchor": "bottom",
            "text": f"↩ v{change.version}" if change.event == "ROLLED_BACK" else f"▲ v{change.version}",
            "font": {"color": "var(--act)" if change.event == "ROLLED_BACK" else "var(--c1)", "size": 12},
            "showarrow": False,
            "yshift": 14 * (place % 2),  # two of the same day stand one above the other
        }
        for place, change in enumerate(changes[-_MOST_NAMED:])
    ]
    return shapes, annotations


def _lows(window: "WindowAccuracy") -> list[float]:
    """Return the lowest accuracies that are drawn of a window."""
    found = [interval.low for interval in (window.estimated, window.measured) if interval is not None]
    return [*found, window.accepted] if window.accepted is not None else found


def _estimate_traces(windows: Sequence["WindowAccuracy"]) -> list[Figure]:
    times = [window.checked_at.isoformat() for window in windows]
    intervals = [window.estimated for window in windows if window.estimated is not None]
    edge = {"x": times, "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    return [
        {**edge, "y": [interval.low for interval in intervals]},
        {**edge, "y": [interval.high for interval in intervals], "fill": "tonexty", "fillcolor": "var(--band)"},
        {
            "x": times,
            "y": [interval.value for interval in intervals],
            "mode": "lines+markers",
            "name": "estimated, with 95 % interval",
            "line": {"color": "var(--c1)", "width": 2},
            "marker": {
                "size": 7,
                "symbol": ["circle" if window.is_trusted else "circle-open" for window in windows],
            },
            "hovertemplate": "%{y:.1%}",
        },
    ]


def _accepted_trace(windows: Sequence["WindowAccuracy"]) -> Figure:
    known = [window for window in windows if window.accepted is not None]
    return {
        "x": [window.checked_at.isoformat() for window in known],
        "y": [window.accepted for window in known],
        "mode": "lines",
        "name": "when the version was accepted",
        "line": {"color": "var(--quiet)", "width": 1.5, "dash": "dot", "shape": "hv"},
        "hovertemplate": "%{y:.1%}",
    }


def _measured_trace(windows: Sequence["WindowAccuracy"]) -> Figure:
    intervals = [window.measured for window in windows if window.measured is not None]
    return {
        "x": [window.checked_at.isoformat() for window in windows],
        "y": [interval.value for interval in intervals],
        "mode": "markers",
        "name": "measured on labels",
        "marker": {
            "color": "var(--c2)",
            "size": 9,
            "symbol": ["diamond" if window.has_enough_labels else "diamond-open" for window in windows],
        },
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [interval.high - interval.value for interval in intervals],
            "arrayminus": [interval.value - interval.low for interval in intervals],
            "color": "var(--c2)",
            "thickness": 1.2,
            "width": 0,
        },
        "hovertemplate": "%{y:.1%}",
    }
