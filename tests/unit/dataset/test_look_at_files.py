"""Looking at files: what is unreadable has its reason, and each labelled image the side that it will have."""

from drawn_pictures import put_drawn

from include.catalog.split import SplitImage, assign_splits
from include.dataset.files import ImageFile, look_at_files
from include.dataset.report import report_on


def test_files_are_looked_at_in_their_order(tmp_path):
    files = [
        ImageFile(f"{label}/{n}.png", label, put_drawn(tmp_path / label / f"{n}.png", 10 * n + ord(label)).as_uri())
        for label in "ab"
        for n in range(6)
    ]
    (tmp_path / "page.png").write_text("<html>404</html>")
    files.append(ImageFile("a/page.png", "a", (tmp_path / "page.png").as_uri()))
    files.append(ImageFile("a/gone.png", "a", (tmp_path / "gone.png").as_uri()))
    files.append(ImageFile("odd name?#%20.jpg", None, put_drawn(tmp_path / "odd name?#%20.jpg", 99).as_uri()))
    done = []

    found = look_at_files(files, progress=done.append)

    assert [image.path for image in found.images] == [file.path for file in files]
    assert done[-1] == len(files)
    page, gone, new = found.images[-3:]
    assert "is not an image" in page.reason
    assert gone.reason.startswith("could not be read: ")
    assert (new.side, new.statistics.width) == ("new", 120)
    labelled = [SplitImage(image.content_sha256, image.label, image.path) for image in (*found.images[:12], page)]
    sides = assign_splits(labelled, {})
    assert [image.side for image in found.images[:12]] == [sides[image.content_sha256] for image in labelled[:12]]
    assert {image.side for image in found.images[:12]} == {"train", "validation", "test"}
    assert [file.path for file in report_on(found).unreadable] == ["a/page.png", "a/gone.png"]
    assert found.pictures.gather([0, 13]).shape == (2, 96, 96, 3)  # of one that cannot be shown, too
