"""Segments of pixels: written once, read row by row."""

import json
import os
import resource
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from include.errors import MissingSegmentError, StoreError
from include.store.files import FileStore
from include.store.pixels import ImageSource, PixelLocation, PixelReader, SubsetSource, write_segment

SIZE = 4


def images(n: int, seed: int, size: int = SIZE) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (n, size, size, 3), dtype=np.uint8)


def write(store: FileStore, pixels: NDArray[np.uint8], name: str = "a") -> str:
    return write_segment(
        store, pixels, preprocessing_digest="p", content_digests=[f"{name}{n}" for n in range(len(pixels))]
    )


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(str(tmp_path))


@pytest.fixture(scope="module")
def three_segments(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[FileStore, list[PixelLocation], NDArray[np.uint8]]:
    """All rows of three segments, and the same pixels in one array."""
    store = FileStore(str(tmp_path_factory.mktemp("store")))
    segments = [images(n, seed) for seed, n in enumerate((3, 7, 5))]
    names = [write(store, pixels, name=f"s{number}-") for number, pixels in enumerate(segments)]
    locations = [
        PixelLocation(name, row) for name, pixels in zip(names, segments, strict=True) for row in range(len(pixels))
    ]
    return store, locations, np.concatenate(segments)


@given(chosen=st.lists(st.integers(0, 14), min_size=1, max_size=30), data=st.data())
def test_gather_is_direct_indexing(
    three_segments: tuple[FileStore, list[PixelLocation], NDArray[np.uint8]], chosen: list[int], data: st.DataObject
) -> None:
    store, locations, pixels = three_segments
    indices = np.array(data.draw(st.lists(st.integers(0, len(chosen) - 1))), dtype=np.int64)

    reader = PixelReader(store, [locations[place] for place in chosen])

    assert len(reader) == len(chosen)
    assert reader.size == SIZE
    gathered = reader.gather(indices)
    assert gathered.dtype == np.uint8
    assert np.array_equal(gathered, pixels[np.array(chosen)[indices]])


@given(rows=st.lists(st.integers(0, 14), max_size=15), data=st.data())
def test_a_subset_is_direct_indexing_twice(
    three_segments: tuple[FileStore, list[PixelLocation], NDArray[np.uint8]], rows: list[int], data: st.DataObject
) -> None:
    store, locations, pixels = three_segments
    places = st.lists(st.integers(0, len(rows) - 1)) if rows else st.just([])
    indices = np.array(data.draw(places), dtype=np.int64)

    subset: ImageSource = SubsetSource(PixelReader(store, locations), np.array(rows, dtype=np.int64))

    assert len(subset) == len(rows)
    assert np.array_equal(subset.gather(indices), pixels[np.array(rows, dtype=np.int64)[indices]])


def test_what_is_gathered_can_be_changed_and_the_store_stays(store: FileStore) -> None:
    pixels = images(3, seed=0)
    reader = PixelReader(store, [PixelLocation(write(store, pixels), 1)])

    reader.gather(np.array([0]))[:] = 0

    assert np.array_equal(reader.gather(np.array([0]))[0], pixels[1])


def mapped_bytes() -> int:
    """Return how much of this process's memory are pages of files."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssFile")]
    return int(line.split()[1]) * 1024


def test_what_was_read_of_a_segment_does_not_stay_in_memory(store: FileStore) -> None:
    pixels = images(400, seed=0, size=128)
    reader = PixelReader(store, [PixelLocation(write(store, pixels), row) for row in range(400)])
    before = mapped_bytes()

    for start in range(0, 400, 50):
        reader.gather(np.arange(start, start + 50))

    assert mapped_bytes() - before < pixels.nbytes / 10


def test_of_many_segments_only_some_are_open_at_once(store: FileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given more segments than a reader may keep open
    monkeypatch.setattr("include.store.tensor_rows.MAX_OPEN", 4)
    pixels = images(20, seed=0)
    names = [write(store, pixels[row : row + 1], name=f"s{row}-") for row in range(20)]
    reader = PixelReader(store, [PixelLocation(name, 0) for name in names])
    n_before = len(list(Path("/proc/self/fd").iterdir()))

    # When all of them are read, twice
    places = np.concatenate([np.arange(20), np.arange(20)[::-1]])
    gathered = reader.gather(places)

    # Then nothing is mixed up, and few files are left open, none when the reader has gone
    assert np.array_equal(gathered, pixels[places])
    assert len(list(Path("/proc/self/fd").iterdir())) == n_before + 4
    del reader
    assert len(list(Path("/proc/self/fd").iterdir())) == n_before


def test_a_segment_that_goes_while_it_is_read_is_read_to_the_end(store: FileStore) -> None:
    pixels = images(3, seed=0)
    segment = write(store, pixels)
    reader = PixelReader(store, [PixelLocation(segment, row) for row in range(3)])
    reader.gather(np.array([0]))

    store.delete(segment)

    assert np.array_equal(reader.gather(np.arange(3)), pixels)


def test_a_segment_that_goes_before_it_is_read_is_missing(store: FileStore) -> None:
    segment = write(store, images(3, seed=0))
    reader = PixelReader(store, [PixelLocation(segment, 0)])

    store.delete(segment)

    with pytest.raises(MissingSegmentError, match=f"segment {segment} is missing"):
        reader.gather(np.array([0]))


def test_a_segment_that_is_cut_off_while_it_is_read_is_torn(store: FileStore) -> None:
    segment = write(store, images(3, seed=0))
    reader = PixelReader(store, [PixelLocation(segment, row) for row in range(3)])
    reader.gather(np.array([0]))

    path = store.local_path(segment)
    os.truncate(path, path.stat().st_size - 1)

    with pytest.raises(MissingSegmentError, match=r"is torn \(it has become shorter\): preprocess its images again"):
        reader.gather(np.arange(3))


def test_an_index_beyond_the_end_is_an_index_error(store: FileStore) -> None:
    reader = PixelReader(store, [PixelLocation(write(store, images(3, seed=0)), 1)])

    with pytest.raises(IndexError):
        reader.gather(np.array([1]))


def test_a_segment_can_be_read_with_safetensors(store: FileStore) -> None:
    pixels = images(3, seed=0)
    path = store.local_path(write(store, pixels))

    assert np.array_equal(load_file(path)["pixels"], pixels)
    header = json.loads(path.read_bytes()[8 : 8 + int.from_bytes(path.read_bytes()[:8], "little")])
    assert header["__metadata__"] == {"preprocessing_digest": "p", "n_images": "3"}


def test_the_same_images_have_the_same_name_and_are_written_once(store: FileStore) -> None:
    first = write(store, images(3, seed=0))
    written_at = store.local_path(first).stat().st_mtime_ns

    second = write(store, images(3, seed=0))

    assert first == second
    assert store.local_path(first).stat().st_mtime_ns == written_at


def test_other_images_order_or_preprocessing_have_another_name(store: FileStore) -> None:
    pixels = images(2, seed=0)

    names = {
        write_segment(store, pixels, preprocessing_digest=digest, content_digests=contents)
        for digest, contents in [("p", ["a", "b"]), ("p", ["b", "a"]), ("q", ["a", "b"]), ("p", ["a", "c"])]
    }

    assert len(names) == 4


def test_a_slice_that_is_not_contiguous_is_written_as_it_looks(store: FileStore) -> None:
    pixels = images(6, seed=0)[::2, :, ::-1]

    reader = PixelReader(store, [PixelLocation(write(store, pixels), row) for row in range(3)])

    assert np.array_equal(reader.gather(np.arange(3)), pixels)


def test_a_segment_lies_in_a_remote_store_too(tmp_path: Path) -> None:
    store = FileStore("memory://pixels", cache=tmp_path)
    pixels = images(3, seed=0)

    reader = PixelReader(store, [PixelLocation(write(store, pixels), row) for row in (2, 0)])

    assert np.array_equal(reader.gather(np.array([0, 1])), pixels[[2, 0]])


@pytest.mark.parametrize(
    ("pixels", "n_digests"),
    [
        (images(3, seed=0), 2),
        (images(3, seed=0).astype(np.float32), 3),
        (images(3, seed=0)[..., :2], 3),
        (images(3, seed=0)[:, :2], 3),
        (images(0, seed=0), 0),
    ],
)
def test_pixels_that_make_no_segment_are_refused(store: FileStore, pixels: NDArray[np.uint8], n_digests: int) -> None:
    with pytest.raises(ValueError, match="digests do not go with pixels"):
        write_segment(store, pixels, preprocessing_digest="p", content_digests=["a"] * n_digests)


@pytest.mark.parametrize(
    "url", [pytest.param("{tmp_path}/store", id="local"), pytest.param("memory://empty", id="remote")]
)
def test_a_missing_segment_is_named(tmp_path: Path, url: str) -> None:
    store = FileStore(url.format(tmp_path=tmp_path), cache=tmp_path / "cache")

    with pytest.raises(MissingSegmentError, match=r"segment segments/a\.safetensors is missing") as caught:
        PixelReader(store, [PixelLocation("segments/a.safetensors", 0)])

    assert caught.value.segment == "segments/a.safetensors"


def torn(path: Path, damage: str) -> None:
    content = path.read_bytes()
    header_end = 8 + int.from_bytes(content[:8], "little")
    if damage == "another tensor":
        save_file({"weights": np.zeros(3)}, path)
    elif damage == "another type":
        save_file({"pixels": np.zeros((3, SIZE, SIZE, 3), dtype=np.float32)}, path)
    else:
        path.write_bytes(
            {
                "empty": b"",
                "in the length": content[:5],
                "in the header": content[: header_end - 5],
                "in the pixels": content[:-1],
                "too long": content + b"x",
                "no JSON": content[:8] + b"x" * (header_end - 8) + content[header_end:],
                "a list": (2).to_bytes(8, "little") + b"[]",
            }[damage]
        )


@pytest.mark.parametrize(
    "damage",
    [
        "empty",
        "in the length",
        "in the header",
        "in the pixels",
        "too long",
        "no JSON",
        "a list",
        "another tensor",
        "another type",
    ],
)
def test_a_torn_segment_is_named_and_can_be_made_anew(store: FileStore, damage: str) -> None:
    # Given a segment that something has damaged
    pixels = images(3, seed=0)
    segment = write(store, pixels)
    torn(store.local_path(segment), damage)

    # When it is read, then it is refused
    with pytest.raises(
        MissingSegmentError, match=rf"segment {segment} is torn \(.*preprocess its images again"
    ) as caught:
        PixelReader(store, [PixelLocation(segment, 0)])
    assert caught.value.segment == segment

    # And when its images are preprocessed again, then it is whole
    assert write(store, pixels) == segment
    reader = PixelReader(store, [PixelLocation(segment, row) for row in range(3)])
    assert np.array_equal(reader.gather(np.arange(3)), pixels)


@pytest.mark.parametrize("row", [-1, 3])
def test_a_row_that_is_not_there_is_refused(store: FileStore, row: int) -> None:
    segment = write(store, images(3, seed=0))

    with pytest.raises(StoreError, match="has 3 images"):
        PixelReader(store, [PixelLocation(segment, 0), PixelLocation(segment, row)])


def test_images_of_two_sizes_are_refused(store: FileStore) -> None:
    small, large = write(store, images(1, seed=0), "small"), write(store, images(1, seed=0, size=8), "large")

    with pytest.raises(StoreError, match=r"has images of [48] px, others of [48] px"):
        PixelReader(store, [PixelLocation(small, 0), PixelLocation(large, 0)])


def test_a_full_disk_leaves_no_torn_segment(store: FileStore, tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(StoreError, match=r"cannot be written in the store"):
            write(store, images(100, seed=0, size=16))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_no_locations_are_refused(store: FileStore) -> None:
    with pytest.raises(ValueError, match="there are no images to read"):
        PixelReader(store, [])
