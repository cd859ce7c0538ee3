"""Looking at all images of two sources, with a bar that shows how far it has come."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.commands.console import Output, printable
from include.commands.new.headers import Headers
from include.commands.new.sources import FileOfSource, Listing, Source
from include.config import PipelineConfig
from include.errors import CommandError

if TYPE_CHECKING:  # numpy, Pillow
    from include.dataset.images import LookedAt
    from include.dataset.report import DatasetReport


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What was found in two sources."""

    found: "LookedAt"
    notes: tuple[str, ...]
    """What was left out."""

    @property
    def n_by_class(self) -> Mapping[str, int]:
        """How many readable images each class has, the largest first."""
        from include.dataset.classes import class_rows

        return {row.label: row.n_images for row in class_rows(self.found.images) if row.n_images}

    @property
    def n_new(self) -> int:
        """How many readable images there are to classify."""
        return sum(image.label is None and image.statistics is not None for image in self.found.images)

    @property
    def headers(self) -> Headers:
        """The shorter sides of the labelled images, and which cannot be read."""
        labelled = (image for image in self.found.images if image.label is not None)
        return Headers.of(
            (image.path, None if (look := image.statistics) is None else min(look.width, look.height))
            for image in labelled
        )

    def keep_report(self, config: PipelineConfig, *, with_evidently: bool) -> tuple[str, "DatasetReport"]:
        """Write the report into the pipeline's store; return where it is, and what is in it.

        Raises:
            StoreError: It cannot be written.
        """
        from include.dataset.keeping import keep_report
        from include.dataset.page import PageHead
        from include.store.files import FileStore
        from include.store.reports import dataset_path

        path = dataset_path(None)
        head = PageHead(name=config.name, about="before the first training")
        report = keep_report(FileStore(config.store_url), self.found, head, path=path, with_evidently=with_evidently)
        return f"{config.store_url}/{path}", report


def look_at_sources(
    sources: tuple[Source, Source], listings: tuple[Listing, Listing], pattern: str, output: Output
) -> Looked:
    """Decode all images, labelled and new.

    Args:
        sources: Where they come from.
        listings: The files of each.
        pattern: Where a path has its class.
        output: Where it is shown how far it is.

    Raises:
        CommandError: Nothing can be trained on: no image, no class, one class, or nothing readable.
        DecoderError: The decoding processes do not start.
    """
    from include.dataset.files import ImageFile, look_at_files

    training, incoming = listings
    labels = _labels_of(training.files, pattern, sources[0])
    kept = [place for place, label in enumerate(labels) if label]
    n_labelled = len(kept)

    def refresh(index: int) -> str:
        listing, place = (training, kept[index]) if index < n_labelled else (incoming, index - n_labelled)
        return listing.files[place].url if listing.refresh is None else listing.refresh(place)

    files = [ImageFile(training.files[place].path, labels[place], training.files[place].url) for place in kept]
    files += [ImageFile(file.path, None, file.url) for file in incoming.files]
    with output.progress("looking at images") as step:
        found = look_at_files(files, refresh=refresh, progress=lambda n_done: step.show(n_done, len(files)))
    _refuse_unreadable(found, sources[0])
    notes = [*training.notes, *incoming.notes]
    if n_labelled < len(labels):
        lost = next(file.path for file, label in zip(training.files, labels, strict=True) if not label)
        notes.append(
            f"{len(labels) - n_labelled:,} images of {sources[0]} have no class in their path, as {printable(lost)}: "
            "they are not trained on"
        )
    return Looked(found=found, notes=tuple(notes))


def _labels_of(files: Sequence[FileOfSource], pattern: str, source: Source) -> list[str | None]:
    """Return the class of each labelled file, as the pipeline will read it from its path."""
    if not files:
        raise CommandError(f"{source} has no image: put labelled ones there, a folder for each class")
    compiled = re.compile(pattern)
    labels = [match["label"] if (match := compiled.search(file.path)) else None for file in files]
    classes = sorted({label for label in labels if label})
    if not classes:
        raise CommandError(
            f"no path of {source} has a class, the first is {printable(files[0].path)}: put the images of a class into "
            "one folder, or say where the class stands, as --labels '^(?P<label>[a-z]+)_'"
        )
    if len(classes) == 1:
        raise CommandError(f"{source} has one class only, {printable(classes[0])}: a classifier needs two")
    return labels


def _refuse_unreadable(found: "LookedAt", source: Source) -> None:
    labelled = [image for image in found.images if image.label is not None]
    if all(image.statistics is None for image in labelled):
        first = labelled[0]
        raise CommandError(
            f"none of the {len(labelled):,} labelled images of {source} can be read, as {printable(first.path)}: "
            f"{printable(first.reason or '')}"
        )
