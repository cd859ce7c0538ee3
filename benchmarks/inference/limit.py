"""The machine's limit for a network: 1 / (1/decode + 1/forward), each measured alone, on all cores."""

import importlib.util
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from benchmarks.inference.engines import Forward, cpu_engines, cuda_engines, scores_of
from benchmarks.inference.networks import MadeNetwork, Network
from benchmarks.photos import Photo
from include.models.agreement import MAX_CONFIDENCE_CHANGE, MIN_AGREEMENT, PROBE_IMAGES
from include.models.artefact import load

_SECONDS_TO_COMPARE = 1.0
_HOPELESS = 4.0
"""An engine that takes so many times as long as the best one for its first batch is not timed further."""
BATCH_SIZE = 64

Decode = Callable[[bytes, int], NDArray[np.uint8]]


class Limit(NamedTuple):
    """What a machine can do at best with a network, in images per second."""

    decode: float
    forward: float
    decoder: str
    engine: str
    seen: Mapping[str, float]
    """What each decoder and each engine reached when they were compared; 0: its answers do not agree."""

    @property
    def images_per_second(self) -> float:
        """The limit."""
        return 1 / (1 / self.decode + 1 / self.forward)


def measuring_limit(
    network: Network,
    made: MadeNetwork,
    photos: Sequence[Photo],
    *,
    probed: Sequence[Photo],
    seconds: float,
    compiling: bool,
) -> Callable[[], Limit]:
    """Compare decoders and engines once, and return a function that measures the fastest of each.

    Args:
        network: The network.
        made: Its files.
        photos: What is decoded and classified; at least one batch.
        probed: What engines have to agree on; whole batches.
        seconds: How long each of the two measurements takes.
        compiling: Whether to try a compiled network, which takes half a minute to make.
    """
    torch.set_num_threads(n_cores())
    contents = [photo.path.read_bytes() for photo in photos]
    decoders = {name: _decode_rate(decode, contents, network.size, seconds=0.0) for name, decode in DECODERS.items()}
    decoder = max(decoders, key=decoders.__getitem__)
    pixels = np.stack(_decode_all(_plain, contents, network.size))
    model = load(made.artefact, sha256=made.card_sha256).model
    probe = np.stack(_decode_all(_plain, [photo.path.read_bytes() for photo in probed], network.size))
    engine, forward, engines = _fastest_engine(model, pixels, probe, compiling=compiling and _has_compiler())
    seen = decoders | engines

    def measure() -> Limit:
        decode_rate = _decode_rate(DECODERS[decoder], contents, network.size, seconds=seconds)
        return Limit(decode_rate, _forward_rate(forward, pixels, seconds=seconds), decoder, engine, seen)

    return measure


def n_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def _fastest_engine(
    model: nn.Module, pixels: NDArray[np.uint8], probe: NDArray[np.uint8], *, compiling: bool
) -> tuple[str, Forward, dict[str, float]]:
    has_openvino = importlib.util.find_spec("openvino") is not None
    engines = cpu_engines(compiling=compiling, openvino=has_openvino)
    if torch.cuda.is_available():
        engines = cuda_engines()
    exact: NDArray[np.float32] | None = None
    best, best_forward, seen = "", None, {}
    for name, make in engines.items():
        forward = make(model, BATCH_SIZE)
        parts = [probe[start : start + BATCH_SIZE] for start in range(0, len(probe), BATCH_SIZE)]
        answers = np.concatenate([scores_of(forward, part) for part in parts])[:PROBE_IMAGES]
        exact = answers if exact is None else exact
        if not _agrees(exact, answers):
            seen[name] = 0.0
            continue
        if best and _forward_rate(forward, pixels, seconds=0.0) * _HOPELESS < seen[best]:
            continue
        seen[name] = _forward_rate(forward, pixels, seconds=_SECONDS_TO_COMPARE)
        if not best or seen[name] > seen[best]:
            best, best_forward = name, forward
    if best_forward is None:
        raise RuntimeError("not even the first engine agrees with itself: the network's answers are not numbers")
    return best, best_forward, seen


def _agrees(exact: NDArray[np.float32], answers: NDArray[np.float32]) -> bool:
    agreement = float((exact.argmax(axis=1) == answers.argmax(axis=1)).mean())
    change = float(np.abs(exact.max(axis=1) - answers.max(axis=1)).mean())
    return agreement >= MIN_AGREEMENT and change < MAX_CONFIDENCE_CHANGE


def _forward_rate(forward: Forward, pixels: NDArray[np.uint8], *, seconds: float) -> float:
    """Return images per second over whole batches, at least one, after one that does not count."""
    batches = [pixels[start : start + BATCH_SIZE] for start in range(0, len(pixels) - BATCH_SIZE + 1, BATCH_SIZE)]
    torch.set_num_threads(n_cores())  # some of its settings are the whole process's: a decoder may have changed them
    forward(batches[0])
    n_images, started = 0, time.monotonic()
    while n_images == 0 or time.monotonic() - started < seconds:
        n_images += len(forward(batches[n_images // BATCH_SIZE % len(batches)]))
    return n_images / (time.monotonic() - started)


def _decode_rate(decode: Decode, contents: Sequence[bytes], size: int, *, seconds: float) -> float:
    _decode_all(decode, contents[:8], size)
    n_images, started = 0, time.monotonic()
    while n_images == 0 or time.monotonic() - started < seconds:
        n_images += len(_decode_all(decode, contents, size))
    return n_images / (time.monotonic() - started)


def _decode_all(decode: Decode, contents: Sequence[bytes], size: int) -> list[NDArray[np.uint8]]:
    with ThreadPoolExecutor(n_cores()) as threads:
        return list(threads.map(lambda content: decode(content, size), contents))


def _plain(content: bytes, size: int) -> NDArray[np.uint8]:
    with Image.open(BytesIO(content)) as image:
        return np.asarray(image.convert("RGB").resize((size, size), Image.Resampling.BILINEAR))


def _draft(content: bytes, size: int) -> NDArray[np.uint8]:
    with Image.open(BytesIO(content)) as image:
        image.draft("RGB", (size, size))
        return np.asarray(image.convert("RGB").resize((size, size), Image.Resampling.BILINEAR))


def _torchvision(content: bytes, size: int) -> NDArray[np.uint8]:
    from torchvision.io import ImageReadMode, decode_jpeg

    torch.set_num_threads(1)  # of this thread's operations: there is one thread for each core already
    decoded = decode_jpeg(torch.frombuffer(bytearray(content), dtype=torch.uint8), mode=ImageReadMode.RGB)
    resized = nn.functional.interpolate(decoded[None], size=(size, size), mode="bilinear", antialias=True)
    return resized[0].permute(1, 2, 0).numpy()


DECODERS: Mapping[str, Decode] = {
    "Pillow, draft": _draft,
    "Pillow": _plain,
    "torchvision": _torchvision,
}


def _has_compiler() -> bool:
    from torch._inductor.cpp_builder import get_cpp_compiler  # raises what differs from release to release

    try:
        return bool(get_cpp_compiler())
    except Exception:  # noqa: BLE001 - without a compiler nothing is compiled, whatever it calls that
        return False
