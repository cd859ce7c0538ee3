"""A network converted to OpenVINO, where that is installed: pip install -r requirements-openvino.txt."""

import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from include.models.compute import Compute
from include.models.execution import Step, Workload
from include.models.network import FromPixels, Outputs

_PRECISIONS = {"float32": "f32", "bfloat16": "bf16"}


def openvino_step(compute: Compute, workload: Workload) -> Step:
    """Return a function that computes with OpenVINO on the CPU, for batches of `workload.n_at_once` images.

    Args:
        compute: The number format and the threads.
        workload: What is computed.

    Raises:
        Exception: OpenVINO is not installed, or cannot convert the network.
    """
    import openvino

    shape = (workload.size, workload.size, 3)
    network = FromPixels(workload.network, workload.normalisation).eval()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the tracer's: the normalisation becomes a constant, as it should
        converted = openvino.convert_model(network, example_input=torch.zeros(1, *shape, dtype=torch.uint8))
    converted.reshape([workload.n_at_once, *shape])
    settings = {
        "INFERENCE_PRECISION_HINT": _PRECISIONS[compute.dtype],
        "INFERENCE_NUM_THREADS": compute.n_threads,
        "PERFORMANCE_HINT": "LATENCY",
    }
    compiled: Any = openvino.Core().compile_model(converted, "CPU", settings)

    def step(pixels: NDArray[np.uint8]) -> Outputs:
        answers = compiled([pixels])
        logits = np.asarray(answers[0], dtype=np.float32)
        if not workload.want_features:
            return Outputs(logits, np.empty((len(logits), 0), dtype=np.float32))
        return Outputs(logits, np.asarray(answers[1], dtype=np.float32))

    return step
