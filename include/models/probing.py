"""Timing ways to execute a network on its first images, side by side, and comparing what they answer."""

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from include.models.agreement import PROBE_IMAGES, Agreement
from include.models.choices import Measured
from include.models.compute import MIN_SPEEDUP, Compute, choose_compute
from include.models.execution import Backend, Execution, Step, Workload, cpp_compiler, has_openvino, step_of
from include.models.failures import is_lost_gpu

log = logging.getLogger(__name__)

_TIMED_SECONDS = 0.6
_PATIENCE = 3.0
"""A backend is tried where the images would take so many times longer than to prepare it: it may save a third."""
_RUNS = 25
"""A version answers more runs before the next is promoted, by the hour and with three retrainings a week at the most:
what is compiled is kept for all of them."""
_LOADING_SECONDS = 0.1
"""What it takes to load compiled code."""
_OPENVINO_SECONDS = 10.0
_INDUCTOR_SECONDS = 20.0


class Probe:
    """Times and compares ways to execute one workload on the first images, on so many threads at the most."""

    def __init__(self, workload: Workload, example: NDArray[np.uint8], n_images: int, *, n_threads: int) -> None:
        self._workload = workload
        self._example = example[:PROBE_IMAGES]
        self._n_images = n_images
        self._n_threads = n_threads
        self._reference = Compute()
        self.steps: dict[Execution, Step] = {}
        """What has been made ready so far."""

    def measure_eager(self, model: nn.Module) -> Measured:
        """Find the fastest eager way, and time it."""
        try:
            compute = choose_compute(
                model, self._example, training=False, agrees=self._compute_agrees, n_threads=self._n_threads
            )
            execution = Execution(compute=compute)
            (rate,) = self._rates([execution])
        except RuntimeError as error:
            if not is_lost_gpu(error):
                raise
            log.warning("the GPU cannot be used: %s", error)
            execution = Execution()
            (rate,) = self._rates([execution])
        return Measured(execution=execution, images_per_second=rate, preparation_seconds=0.0)

    def try_backends(self, measured: tuple[Measured, ...]) -> tuple[Measured, ...]:
        """Add what is not yet known about other backends, as far as it may pay to know it."""
        eager = next(one for one in measured if one.execution.backend == "eager")
        best = max(measured, key=lambda one: one.images_per_second)
        self._reference = replace(eager.execution.compute, dtype="float32")
        for backend in _available(eager.execution.compute):
            for compute in _formats(eager.execution.compute):
                execution = Execution(backend=backend, compute=compute)
                found = next((one for one in measured if one.execution == execution), None)
                if found is None:
                    if not self._may_pay(backend, self._n_images / best.images_per_second):
                        log.info("%s is not tried: %d images are too few", backend, self._n_images)
                        break
                    found = self._try(execution, eager)
                    measured = (*measured, found)
                    best = max(best, found, key=lambda one: one.images_per_second)
                if not found.disagrees:
                    break
        return measured

    def _try(self, execution: Execution, eager: Measured) -> Measured:
        started = time.monotonic()
        try:
            step = self._step(execution)
            with execution.compute.threads():
                step(self._example[: self._workload.n_at_once])
            seconds = time.monotonic() - started
            reason = disagreement = self._disagreement(execution)
            rate, beside = self._rates([execution, eager.execution])
        except Exception as error:  # noqa: BLE001 - what compilers and converters raise is of any type
            reason, rate, beside, seconds = f"{type(error).__name__}: {_first_line(error)}", 0.0, 1.0, 0.0
            disagreement = None
        if reason is None:
            log.info("%s: %.0f img/s, %.0f eagerly, ready after %.1f s", execution, rate, beside, seconds)
            if rate < MIN_SPEEDUP * beside:
                reason = f"no faster than eager: {rate:.0f} and {beside:.0f} img/s"
        if reason is not None:
            log.info("%s is not used: %s", execution, reason)
            rate = 0.0
        is_kept = execution.backend == "inductor" and self._workload.artefacts is not None
        return Measured(
            execution=execution,
            # what it gains was measured beside eager: the machine may have been busier before
            images_per_second=eager.images_per_second * rate / beside,
            preparation_seconds=min(seconds, _LOADING_SECONDS) if is_kept else seconds,
            refused_because=reason,
            disagrees=disagreement is not None,
        )

    def _may_pay(self, backend: Backend, seconds: float) -> bool:
        """Whether a backend may pay for itself where the images take so long without it."""
        if backend == "inductor":
            n_runs = _RUNS if self._workload.artefacts is not None else 1
            return n_runs * seconds >= _PATIENCE * _INDUCTOR_SECONDS
        return seconds >= _PATIENCE * _OPENVINO_SECONDS

    def _rates(self, executions: Sequence[Execution]) -> list[float]:
        """Time ways side by side, in turn, so that what else the machine does slows all of them; images per second."""
        pixels = self._example[: self._workload.n_at_once]
        seconds, n_steps = [0.0] * len(executions), 0
        for execution in executions:
            self._run(execution, pixels)
        while n_steps < 2 or min(seconds) < _TIMED_SECONDS:
            for place, execution in enumerate(executions):
                started = time.monotonic()
                self._run(execution, pixels)
                seconds[place] += time.monotonic() - started
            n_steps += 1
        return [n_steps * len(pixels) / spent for spent in seconds]

    def _compute_agrees(self, compute: Compute) -> bool:
        self._reference = replace(compute, dtype="float32")
        reason = self._disagreement(Execution(compute=compute))
        if reason is not None:
            log.info("%s is not used: %s", compute, reason)
        return reason is None

    def _disagreement(self, execution: Execution) -> str | None:
        """Return why a way may not be used; None: it answers as float32 does."""
        if len(self._example) < min(PROBE_IMAGES, self._n_images):
            return f"{len(self._example)} images are too few to tell whether it agrees with float32"
        agreement = Agreement.between(self._exact_logits, self._logits(execution))
        return None if agreement.holds else str(agreement)

    @cached_property
    def _exact_logits(self) -> NDArray[np.float32]:
        return self._logits(Execution(compute=self._reference))

    def _logits(self, execution: Execution) -> NDArray[np.float32]:
        n_at_once = self._workload.n_at_once
        starts = range(0, len(self._example), n_at_once)
        return np.concatenate([self._run(execution, self._example[start : start + n_at_once]) for start in starts])

    def _run(self, execution: Execution, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        step = self._step(execution)
        with execution.compute.threads():
            return step(pixels).logits

    def _step(self, execution: Execution) -> Step:
        if execution not in self.steps:
            self.steps[execution] = step_of(execution, self._workload)
        return self.steps[execution]


def _formats(compute: Compute) -> list[Compute]:
    """Return a way to compute in the number formats that a backend is tried in, one after the other until one agrees.

    What is not worth it eagerly may be when it is compiled, and what agrees eagerly may not.
    """
    has_mkldnn: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    has_bfloat16 = has_mkldnn and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    if compute.device == "cpu" and has_bfloat16:
        return [replace(compute, dtype="bfloat16"), replace(compute, dtype="float32")]
    return [compute]


def _available(compute: Compute) -> list[Backend]:
    """Return what there is besides eager, what is sooner prepared first; nothing is imported for it."""
    found: list[Backend] = []
    if has_openvino() and compute.device == "cpu":
        found.append("openvino")
    if cpp_compiler() is not None:
        found.append("inductor")
    return found


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), "")
