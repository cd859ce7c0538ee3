"""The row on the simulated year."""

from concurrent.futures import ProcessPoolExecutor

import numpy as np

from benchmarks.drift.judging import DRIFT
from benchmarks.drift.table import Row, Value, mean_of
from benchmarks.drift.trials import run_trials
from benchmarks.drift.versions import N_BASELINE
from benchmarks.drift.year import HOURS, POLICIES, Policy, Year, trial

MEASURE = "simulated year of hourly windows with three true shifts"

_REACH_RETRAININGS = 3
"""One for each shift at the most: more would be the beginning of a loop."""


def row(pool: ProcessPoolExecutor, *, n_years: int, seed: int) -> Row:
    """Return the row of the table."""
    years = run_trials(pool, trial, n_years, seed=(seed, 4))
    return Row(
        measure=MEASURE,
        values=tuple(
            value for policy in POLICIES for value in _figures(policy, [year[policy] for year in years], seed)
        ),
        note=(
            f"{n_years} years of {HOURS:,} windows of {DRIFT.window}, each with a baseline of {N_BASELINE} of its own: "
            "the camera is turned by 20 degrees on day 60, breaks on day 150 (noise), and sags to 45 on day 240. "
            "Labels are in three days after they were asked for, a broken camera is repaired two days after it was "
            "said to be broken, at the next service, two weeks after it broke, otherwise. Means over the years"
        ),
        details=tuple(_means(policy, [year[policy] for year in years]) for policy in POLICIES),
    )


def _figures(policy: Policy, years: list[Year], seed: int) -> list[Value]:
    is_ours = policy == "Driftgate"
    retrainings = np.array([[year.retrainings] for year in years])
    wrong_days = np.array([[year.wrong_hours / 24] for year in years])
    rollbacks = np.array([[year.rollbacks] for year in years])
    return [
        mean_of(f"{policy}: days in a wrong state", wrong_days, unit="days", seed=seed),
        mean_of(
            f"{policy}: retrainings",
            retrainings,
            unit="a year",
            seed=seed,
            reach=_REACH_RETRAININGS if is_ours else None,
        ),
        mean_of(f"{policy}: rollbacks", rollbacks, unit="a year", seed=seed, reach=0.0 if is_ours else None),
    ]


def _means(policy: Policy, years: list[Year]) -> dict[str, str | float]:
    delays = np.mean([year.delays for year in years], axis=0)
    return {
        "policy": policy,
        "windows that alarm": float(np.mean([year.alarms for year in years])),
        "requests for labels": float(np.mean([year.label_requests for year in years])),
        "retrainings": float(np.mean([year.retrainings for year in years])),
        "of them in vain": float(np.mean([year.in_vain for year in years])),
        "most in a week": float(np.mean([year.worst_week for year in years])),
        "rollbacks": float(np.mean([year.rollbacks for year in years])),
        "hours in a wrong state after each shift": ", ".join(f"{hours:.0f}" for hours in delays),
    }
