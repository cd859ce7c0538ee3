"""Choosing how to execute a network's forward pass: what is fastest, what it takes to prepare, and what agrees."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from include.models.choices import ChoiceCache, Measured, Subject
from include.models.compiled import is_compiled
from include.models.cores import free_threads
from include.models.execution import Execution, Step, Workload, step_of
from include.models.probing import Probe

log = logging.getLogger(__name__)

WORTH_TIMING = 1024
"""So many images are worth choosing how to compute, whatever the network."""
WORTH_TIMING_SECONDS = 10.0
"""How long fewer images must take by the simplest way, so that choosing another pays."""
_NEVER_WORTH_TIMING = 64
"""So few images are answered before anything else could be found out."""
_GLANCE_IMAGES = 4


class Chosen(NamedTuple):
    """A way to execute, and the function that does it."""

    execution: Execution
    step: Step


def choose_execution(
    model: nn.Module,
    workload: Workload,
    example: NDArray[np.uint8],
    *,
    n_images: int,
    cache: ChoiceCache | None,
) -> Chosen:
    """Choose how to execute a forward pass, by timing where that pays and by what was measured before.

    The eager ways are timed first (`compute.choose_compute`), then OpenVINO and inductor if they are there and the
    images would take long enough. Whatever is not float32 must agree with it, see `Agreement`. Of what agrees, the
    way is taken that is soonest done with all images, its preparation included.

    Args:
        model: A classifier in evaluation mode; it is left untouched.
        workload: What is computed, made of that model.
        example: The first pixels, [b, s, s, 3]: `PROBE_IMAGES` of them, if there are so many.
        n_images: How many images are to come.
        cache: Where what was measured is kept; None: nowhere.
    """
    n_threads = free_threads()
    subject = cache and Subject(
        weights_sha256=cache.weights_sha256,
        size=workload.size,
        n_at_once=workload.n_at_once,
        want_features=workload.want_features,
        free_threads=n_threads,
    )
    known = _still_there(cache.read(subject), workload) if cache and subject else ()
    if not known and not _is_worth_timing(workload, example, n_images):
        return Chosen(Execution(), step_of(Execution(), workload))
    # what is drawn while probing must not change the caller's random numbers
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        probe = Probe(workload, example, n_images, n_threads=n_threads)
        measured = known or (probe.measure_eager(model),)
        if n_images >= WORTH_TIMING:
            measured = probe.try_backends(measured)
    by_time = sorted((one for one in measured if one.images_per_second > 0), key=lambda one: _seconds(one, n_images))
    shown = "; ".join(f"{one.execution}: {one.images_per_second:.0f} img/s" for one in by_time)
    chosen, preparation_seconds = _first_that_works(by_time, workload, example, ready=probe.steps)
    measured = _with_preparation(measured, chosen.execution, preparation_seconds)
    if cache and subject and measured != known:
        cache.write(subject, measured)
    log.info("the forward pass runs on %s (%s)", chosen.execution, shown)
    return chosen


def _still_there(known: tuple[Measured, ...], workload: Workload) -> tuple[Measured, ...]:
    """Leave out what was compiled and has been deleted since: to compile it once more has to pay once more."""
    return tuple(
        one
        for one in known
        if one.execution.backend != "inductor" or one.refused_because or is_compiled(one.execution.compute, workload)
    )


def _is_worth_timing(workload: Workload, example: NDArray[np.uint8], n_images: int) -> bool:
    """Whether there are many images, or fewer that a look at some says will take long."""
    if n_images >= WORTH_TIMING or n_images <= _NEVER_WORTH_TIMING:
        return n_images >= WORTH_TIMING
    simplest, few = Execution(), example[:_GLANCE_IMAGES]
    step = step_of(simplest, workload)
    try:
        with simplest.compute.threads():
            step(few)  # the first one takes longer than all others
            started = time.monotonic()
            step(few)
    except (RuntimeError, MemoryError):  # who answers knows what to do about it
        return False
    return (time.monotonic() - started) * n_images / len(few) > WORTH_TIMING_SECONDS


def _seconds(measured: Measured, n_images: int) -> float:
    return measured.preparation_seconds + n_images / measured.images_per_second


def _first_that_works(
    candidates: Sequence[Measured], workload: Workload, example: NDArray[np.uint8], *, ready: Mapping[Execution, Step]
) -> tuple[Chosen, float | None]:
    """Return the first candidate that can be made ready, and what that took; None: it was ready."""
    for candidate in candidates:
        execution = candidate.execution
        if execution in ready:
            return Chosen(execution, ready[execution]), None
        started = time.monotonic()
        try:
            step = step_of(execution, workload)
            with execution.compute.threads():
                step(example[: workload.n_at_once])
        except Exception as error:  # noqa: BLE001 - what compilers and converters raise is of any type
            log.warning("%s was measured here before and fails now: %s: %s", execution, type(error).__name__, error)
        else:
            return Chosen(execution, step), time.monotonic() - started
    return Chosen(Execution(), step_of(Execution(), workload)), None


def _with_preparation(measured: tuple[Measured, ...], chosen: Execution, seconds: float | None) -> tuple[Measured, ...]:
    """Correct what a way takes to prepare by what it took now, if that is far from what was thought."""
    if chosen.backend == "eager" or seconds is None:
        return measured
    return tuple(
        replace(one, preparation_seconds=seconds)
        if one.execution == chosen and not one.preparation_seconds / 2 < seconds < one.preparation_seconds * 2
        else one
        for one in measured
    )
