"""The figures of inference, and what they have to reach."""

from collections.abc import Callable, Sequence
from statistics import median
from typing import Literal

from benchmarks.figures import Figure, figure_of
from benchmarks.inference.accuracy import GivenUp
from benchmarks.inference.comparison import RAY_BFLOAT16, Comparison, Round
from benchmarks.inference.driftgate_runs import Inference
from benchmarks.inference.limit import n_cores
from benchmarks.inference.peers import DATA_LOADER, GUIDE, RAY_DATA

_OVER_RAY = 3.0
_OVER_RAY_BFLOAT16 = 1.5
_MAX_POINTS = 0.5
_MAX_GIB = 1.0
_MAX_GROWTH_GIB = 0.1
_GIB = 2**30


def comparison_figures(comparison: Comparison, *, machine: str) -> list[Figure]:
    """Return the rows of one network."""
    network, rounds = comparison.network, comparison.rounds
    first = rounds[0].limit
    limit_note = (
        f"{_rates(rounds, _ours)} of {_rates(rounds, lambda one: one.limit.images_per_second)} img/s; decoding "
        f"{_rates(rounds, lambda one: one.limit.decode)} img/s ({first.decoder}), forward pass "
        f"{_rates(rounds, lambda one: one.limit.forward)} img/s ({first.engine}; tried: {_seen(rounds[0])}); "
        f"{rounds[0].many.n_images:,} photos a run; {_processor_time(rounds)}; {machine}"
    )
    figures = [
        _ratio(
            f"{network.title}: end-to-end inference of the machine's limit",
            [_ours(one) / one.limit.images_per_second for one in rounds],
            unit="share",
            reach=network.share_of_limit,
            against="1 / (1/decode + 1/forward)",
            note=limit_note,
        ),
        _ratio(
            f"{network.title}: the same by the slope between {rounds[0].few.n_images:,} and "
            f"{rounds[0].many.n_images:,} photos",
            [one.slope / one.limit.images_per_second for one in rounds],
            unit="share",
            reach=None,
            against="1 / (1/decode + 1/forward)",
            note=f"{_rates(rounds, lambda one: one.slope)} img/s: what it takes to start is left out",
        ),
        _ratio(
            f"{network.title}: end-to-end inference",
            [_ours(one) for one in rounds],
            unit="img/s",
            reach=None,
            against=None,
        ),
        _ratio(
            f"{network.title}: end-to-end inference, the first run on a machine",
            [comparison.first.images_per_second],
            unit="img/s",
            reach=None,
            against=None,
            note="how to compute is chosen, and compiled where that pays; the next runs find it",
        ),
        _ratio(
            f"{network.title}: end-to-end inference of the forward pass alone",
            [_ours(one) / one.limit.forward for one in rounds],
            unit="share",
            reach=None,
            against=first.engine,
        ),
    ]
    reaches = {
        GUIDE.title: network.over_guide,
        DATA_LOADER.title: network.over_data_loader,
        RAY_DATA.title: _OVER_RAY,
        RAY_BFLOAT16: _OVER_RAY_BFLOAT16,
    }
    return figures + [
        _ratio(
            f"{network.title}: end-to-end inference against {peer}",
            [_ours(one) / one.peers[peer] for one in rounds],
            unit="times",
            reach=reach,
            against=peer,
            note=f"{_rates(rounds, _ours)} ({first.engine}, the fastest way that agrees) against "
            f"{_rates(rounds, lambda one, peer=peer: one.peers[peer])} img/s; its forward pass alone: "
            f"{_forward_over(rounds, peer):.1f} times",
        )
        for peer, reach in reaches.items()
        if peer in rounds[0].peers
    ]


def _forward_over(rounds: Sequence[Round], peer: str) -> float:
    """Return how many times a peer's images per second the forward pass alone makes: no more can be reached with it."""
    return median(one.limit.forward for one in rounds) / median(one.peers[peer] for one in rounds)


def signed_figure(title: str, signed: Sequence[Inference], by_file: Sequence[float]) -> Figure:
    """Return the row of what signed URLs of the embedded warehouse take."""
    rates = [one.images_per_second for one in signed]
    return figure_of(
        f"{title}: end-to-end inference through signed URLs of the embedded warehouse",
        rates,
        unit="img/s",
        better="higher",
        reach=None,
        note=f"{median(by_file):.0f} img/s from its folder; its server shares the cores",
    )


def accuracy_figure(title: str, given_up: GivenUp) -> Figure:
    """Return the row of what speed costs in accuracy."""
    return figure_of(
        f"{title}, trained: accuracy given up",
        [given_up.points],
        unit="points",
        better="lower",
        reach=_MAX_POINTS,
        against="float32, pixels decoded in full",
        note=f"{given_up.engine:.4f} instead of {given_up.plain:.4f} on {given_up.n_photos} held-out photos, "
        f"{given_up.n_other_answers} of which get another class",
    )


def memory_figures(title: str, first: Inference, few: Inference, many: Inference, *, model_bytes: int) -> list[Figure]:
    """Return the rows of what the predicting process, and those that it starts, take beside the model."""
    peaks = [(run.peak_bytes - model_bytes) / _GIB for run in (few, many, first)]
    titles = (f"{few.n_images:,} photos", f"{many.n_images:,} photos", "the first run on a machine")
    how = ("", "", "; with inductor and the C++ compiler, where compiling pays")
    figures = [
        figure_of(
            f"{title}: peak memory beside the model, {run_title}",
            [peak],
            unit="GiB",
            better="lower",
            reach=_MAX_GIB,
            note=f"with the processes that it starts; {run.anonymous_bytes / _GIB:.2f} GiB of it are no pages of "
            f"files, such as torch's libraries; the model has {model_bytes / 2**20:.1f} MiB{more}",
        )
        for run, peak, run_title, more in zip((few, many, first), peaks, titles, how, strict=True)
    ]
    growth = figure_of(
        f"{title}: what {many.n_images:,} photos take more than {few.n_images:,}",
        [peaks[1] - peaks[0]],
        unit="GiB",
        better="lower",
        reach=_MAX_GROWTH_GIB,
        note="flat: within a tenth of what is allowed",
    )
    return [*figures, growth]


def _ratio(
    measure: str, values: Sequence[float], *, unit: str, reach: float | None, against: str | None, note: str = ""
) -> Figure:
    better: Literal["higher"] = "higher"
    return figure_of(measure, values, unit=unit, better=better, reach=reach, against=against, note=note)


def _ours(measured: Round) -> float:
    return measured.many.images_per_second


def _rates(rounds: Sequence[Round], rate: Callable[[Round], float]) -> str:
    return f"{median(rate(one) for one in rounds):.1f}"


def _processor_time(rounds: Sequence[Round]) -> str:
    """Tell where the time of an image goes: what is not decoding or the forward pass keeps it from the limit."""
    runs = [one.many for one in rounds]
    decoders, task = (
        1e6 * median(seconds / run.n_images for run, seconds in zip(runs, of, strict=True))
        for of in ([run.processor.decoders for run in runs], [run.processor.task for run in runs])
    )
    limit = 1e6 * median(n_cores() / one.limit.decode for one in rounds)
    forward = 1e6 * median(n_cores() / one.limit.forward for one in rounds)
    all_cores = 1e6 * median(n_cores() / run.images_per_second for run in runs)
    return (
        f"of the cores a photo takes {all_cores:.0f} µs: {decoders:.0f} in the decoders (alone {limit:.0f}), "
        f"{task:.0f} in the task (its forward pass alone {forward:.0f}), and the warehouse or nobody has "
        f"{all_cores - decoders - task:.0f}"
    )


def _seen(measured: Round) -> str:
    return ", ".join(f"{name} {f'{rate:.0f}' if rate else 'disagrees'}" for name, rate in measured.limit.seen.items())
