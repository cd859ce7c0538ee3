"""What Evidently shows of a data set: the new images beside the labelled ones, column by column."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from include.dataset.images import NEW, DatasetImage
from include.evidently_pages import as_html, quiet_evidently, without_tags

if TYPE_CHECKING:  # seconds to import
    from evidently import Dataset

_CLASS = "class"
_NUMBERS = ("width", "height", "brightness", "contrast", "sharpness")


def evidently_page(images: Sequence[DatasetImage]) -> str:
    """Return Evidently's summary of the readable images: with both kinds, of the new ones beside the labelled ones.

    It describes, and judges nothing: its own tests alarm at some sizes of a sample and never at others.
    """
    labelled = [image for image in images if image.side != NEW and image.statistics is not None]
    new = [image for image in images if image.side == NEW and image.statistics is not None]
    with quiet_evidently():
        from evidently import Report
        from evidently.presets import ValueStats

        # New images have no class that could be shown beside the labelled ones'.
        columns = list(_NUMBERS) if labelled and new else [_CLASS, *_NUMBERS]
        report = Report([ValueStats(column=column) for column in columns], include_tests=False)
        reference = _dataset(labelled, columns) if labelled and new else None
        return as_html(report.run(_dataset(new or labelled, columns), reference))


def _dataset(images: Sequence[DatasetImage], columns: Sequence[str]) -> "Dataset":
    import pandas as pd
    from evidently import DataDefinition, Dataset

    frame = pd.DataFrame([vars(image.statistics) for image in images])
    frame[_CLASS] = [without_tags(image.label or "none") for image in images]
    categories = [column for column in columns if column == _CLASS]
    definition = DataDefinition(numerical_columns=list(_NUMBERS), categorical_columns=categories)
    return Dataset.from_pandas(frame[list(columns)], data_definition=definition)
