"""What a decoder that crashes or hangs costs: one image. With real processes that really do."""

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
import pytest
from PIL import Image

from include.errors import DecoderError, DriftgateError, OutOfMemoryError, UnreadableImageError
from include.images import isolated
from include.images import preprocess as preprocess_module
from include.images.decode import decode
from include.images.decoder_process import LENGTH, REQUEST
from include.images.isolated import Decoders
from include.images.preprocess import preprocess
from include.images.statistics import ImageStatistics

HOSTILE = Path(__file__).with_name("hostile_decoder.py")


def png(red: int) -> bytes:
    file = BytesIO()
    Image.new("RGB", (20, 10), (red, 0, 0)).save(file, "PNG")
    return file.getvalue()


def children() -> set[int]:
    listed = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return {int(child) for task in listed for child in task.read_text().split()}


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decoders that obey the file."""
    monkeypatch.setattr(isolated, "PROGRAM", (str(HOSTILE),))


@pytest.fixture
def decoders(hostile: None) -> Iterator[Decoders]:
    with Decoders(seconds=0.5, n_processes=5) as decoders:
        yield decoders


def test_an_image_comes_back_as_it_would_have_been_decoded_here() -> None:
    content = png(200)

    with Decoders() as decoders:
        image = decoders.decode(content, size=16)
        with pytest.raises(UnreadableImageError, match=r"^is not an image \(JPEG, .* starts with '<html>'$"):
            decoders.decode(b"<html>", size=16)

    expected = decode(content, size=16)
    assert np.array_equal(image.pixels, expected.pixels)
    assert image.statistics == expected.statistics


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"abort", r"^crashes the decoder \(SIGABRT\)$"),
        (b"segfault", r"^crashes the decoder \(SIGSEGV\)$"),
        (b"spin", r"^takes more than 0\.5 s to decode$"),
        (b"hang-with-the-lock", r"^takes more than 0\.5 s to decode$"),
    ],
)
def test_an_image_that_ends_its_decoder_is_unreadable_and_the_next_one_is_decoded(
    decoders: Decoders, content: bytes, reason: str
) -> None:
    with pytest.raises(UnreadableImageError, match=reason):
        decoders.decode(content, size=16)

    assert decoders.decode(png(7), size=16).pixels[0, 0].tolist() == [7, 0, 0]


def test_an_image_is_not_blamed_for_what_happens_once(
    decoders: Decoders, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "marker.png").write_bytes(png(9))

    with caplog.at_level(logging.WARNING):
        image = decoders.decode(b"crash-once " + bytes(tmp_path / "marker"), size=16)

    assert image.pixels[0, 0].tolist() == [9, 0, 0]
    assert "crashes the decoder (SIGABRT): it is tried once more" in caplog.text


@pytest.mark.parametrize(
    ("content", "error", "reason"),
    [
        (b"killed", OutOfMemoryError, "no memory to decode an image of 6 bytes"),
        (b"bug", DecoderError, "ImportError: a library is missing"),
        (b"out-of-memory", OutOfMemoryError, "no memory to decode an image of 13 bytes"),
    ],
)
def test_an_image_is_not_blamed_for_what_the_machine_does(
    decoders: Decoders, content: bytes, error: type[DriftgateError], reason: str
) -> None:
    with pytest.raises(error, match=reason) as caught:
        decoders.decode(content, size=16)

    assert caught.value.is_transient
    assert decoders.decode(png(7), size=16).pixels[0, 0].tolist() == [7, 0, 0]


def test_only_the_images_that_do_harm_are_not_decoded_wherever_they_stand(
    decoders: Decoders, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "once.png").write_bytes(png(6))
    once = b"crash-once " + bytes(tmp_path / "once")
    contents = [png(0), b"abort", png(2), b"out-of-memory", b"<html>", png(5), once, b"killed", png(8)]

    with caplog.at_level(logging.WARNING):
        pixels, outcomes = decoders.decode_all(contents, size=16)

    assert [str(outcome) for outcome in outcomes if isinstance(outcome, Exception)] == [
        "crashes the decoder (SIGABRT)",
        "there was no memory to decode an image of 13 bytes",
        "is not an image (JPEG, PNG, WEBP, GIF, BMP, TIFF): starts with '<html>'",
        "there was no memory to decode an image of 6 bytes",
    ]
    decoded = [place for place, outcome in enumerate(outcomes) if isinstance(outcome, ImageStatistics)]
    assert [(place, int(pixels[place, 0, 0, 0])) for place in decoded] == [(0, 0), (2, 2), (5, 5), (6, 6), (8, 8)]
    assert caplog.text.count("it is tried once more") == 3


def test_what_a_library_prints_is_no_answer(decoders: Decoders) -> None:
    assert decoders.decode(b"print " + png(7), size=16).pixels[0, 0].tolist() == [7, 0, 0]


def test_a_decoder_that_does_not_start_is_no_image_s_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated, "PROGRAM", ("-c", "raise SystemExit(3)"))

    with Decoders() as decoders, pytest.raises(DecoderError, match="did not start: it returned 3"):
        decoders.decode(png(7), size=16)


def test_threads_have_decoders_of_their_own_which_end_with_their_work() -> None:
    before = children()
    barrier = threading.Barrier(3)

    with Decoders(n_processes=3) as decoders, ThreadPoolExecutor(3) as pool:

        def decode_at_once(red: int) -> int:
            barrier.wait()
            return int(decoders.decode(png(red), size=16).pixels[0, 0, 0])

        assert list(pool.map(decode_at_once, range(9))) == list(range(9))
        assert 1 <= len(children() - before) <= 3

    assert children() == before


def test_decoders_that_were_started_before_there_is_anything_to_decode_are_those_that_decode() -> None:
    before = children()

    with Decoders(n_processes=2) as decoders:
        decoders.start()
        started = children() - before
        assert len(started) == 2
        decoders.start()
        assert int(decoders.decode(png(7), size=16).pixels[0, 0, 0]) == 7
        assert children() - before == started

    assert children() == before


def test_decoders_that_were_started_for_nothing_end() -> None:
    before = children()

    with Decoders() as decoders:
        decoders.start()

    assert children() == before


def test_a_decoder_gets_no_secret_of_the_one_that_started_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "a password")
    before = children()

    with Decoders() as decoders:
        decoders.decode(png(7), size=16)
        (child,) = children() - before
        environment = Path(f"/proc/{child}/environ").read_bytes()

    assert b"password" not in environment
    assert b"PATH=" in environment


def test_a_hanging_decoder_ends_by_itself_when_the_one_that_asked_is_gone() -> None:
    with TemporaryFile() as contents, TemporaryFile() as results:
        contents.write(b"hang")
        contents.flush()
        shared = (contents.fileno(), results.fileno())
        process = subprocess.Popen(
            [sys.executable, HOSTILE, "0.5", "2", *map(str, shared)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(HOSTILE.parents[3])},
            pass_fds=shared,
        )
        process.communicate(REQUEST.pack(1, 16, 2) + LENGTH.pack(4), timeout=30)

    assert process.returncode == -signal.SIGALRM


def test_time_runs_out_where_its_signals_are_blocked(decoders: Decoders) -> None:
    timers = {signal.SIGPROF, signal.SIGALRM}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, timers)

    try:
        with pytest.raises(UnreadableImageError, match="takes more than"):
            decoders.decode(b"spin", size=16)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def test_large_images_are_decoded_one_at_a_time_and_none_is_blamed_for_the_wait(
    decoders: Decoders, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = tmp_path / "log"
    content = b"large " + bytes(log) + b" " + png(7)
    barrier = threading.Barrier(5)

    def decode_at_once(file: bytes) -> int:
        barrier.wait()
        return int(decoders.decode(file, size=16).pixels[0, 0, 0])

    with ThreadPoolExecutor(5) as pool:
        assert list(pool.map(decode_at_once, [png(3)] * 5)) == [3] * 5  # all of them have started
        assert list(pool.map(decode_at_once, [content] * 5)) == [7] * 5  # 1.5 s, where 1 s is allowed for each

    assert log.read_text() == "in\nout\n" * 5
    assert not caplog.records


def test_a_decoder_imports_what_we_do_and_nothing_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given: the program in a folder that Python found by other ways than PYTHONPATH, and a trap where we work
    (tmp_path / "libraries").mkdir()
    program = "from include.images.decoder_process import main\nmain()\n"
    (tmp_path / "libraries" / "found_otherwise.py").write_text(program)
    (tmp_path / "numpy.py").write_text("raise SystemExit(3)")
    monkeypatch.syspath_prepend(tmp_path / "libraries")
    monkeypatch.setattr(isolated, "PROGRAM", ("-m", "found_otherwise"))
    monkeypatch.chdir(tmp_path)

    # When, then
    with Decoders() as decoders:
        assert decoders.decode(png(7), size=16).pixels[0, 0].tolist() == [7, 0, 0]


def test_a_decoder_leaves_no_core_file_and_ends_when_its_answer_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    before = children()

    with Decoders() as decoders:
        decoders.decode(png(7), size=16)
        (child,) = children() - before
        (limit,) = [line for line in Path(f"/proc/{child}/limits").read_text().splitlines() if "core file" in line]

        def fail(*_: object) -> None:
            raise MemoryError

        monkeypatch.setattr(isolated, "unpack_slot", fail)
        with pytest.raises(MemoryError):
            decoders.decode(png(7), size=16)

    assert limit.split()[4:6] == ["0", "0"]
    assert children() == before


def test_a_batch_is_whole_but_for_the_images_that_end_their_decoder(
    hostile: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = [png(0), b"abort", png(2), b"hang", png(4), b"abort"]
    paths = [tmp_path / f"{n}.png" for n in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    monkeypatch.setattr(preprocess_module, "Decoders", partial(Decoders, seconds=0.5))

    batch = preprocess([f"file://{path}" for path in paths], size=16)

    assert [image.index for image in batch.images] == [0, 2, 4]
    assert [int(batch.pixels[image.row, 0, 0, 0]) for image in batch.images] == [0, 2, 4]
    assert [(bad.index, bad.reason) for bad in batch.unreadable] == [
        (1, "crashes the decoder (SIGABRT)"),
        (3, "takes more than 0.5 s to decode"),
        (5, "crashes the decoder (SIGABRT)"),
    ]
