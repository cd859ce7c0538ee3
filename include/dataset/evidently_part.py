"""What Evidently shows of a data set: the new images beside the labelled ones, column by column."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from include.dataset.images import NEW, DatasetImage
from include.evidently_pages import as_html, quiet_evidently, without_tags

if TYPE_CHECKING:  # seconds to import
    import pandas as pd

_CLASS = "class"
_NUMBERS = ("width", "height", "brightness", "contrast", "sharpness")


def evidently_page(images: Sequence[DatasetImage]) -> str:
    """Return Evidently's summary of the readable images: with both kinds, of the new ones beside the labelled ones.

    It describes, and judges nothing: its own tests alarm at some sizes of a sample and never at others.
    """
    labelled = [image for image in images if image.side != NEW and image.statistics is not None]
    new = [image for image in images if image.side == NEW and image.statistics is not None]
    with quiet_evidently():
        from evidently import DataDefinition, Dataset, Report
        from evidently.presets import DataSummaryPreset

        numbers = DataDefinition(numerical_columns=list(_NUMBERS))
        both = DataDefinition(numerical_columns=list(_NUMBERS), categorical_columns=[_CLASS])
        report = Report([DataSummaryPreset()], include_tests=False)
        if labelled and new:
            current, reference = (Dataset.from_pandas(_frame(side)[[*_NUMBERS]], numbers) for side in (new, labelled))
            return as_html(report.run(current, reference))
        return as_html(report.run(Dataset.from_pandas(_frame(labelled or new), both), None))


def _frame(images: Sequence[DatasetImage]) -> "pd.DataFrame":
    import pandas as pd

    frame = pd.DataFrame([vars(image.statistics) for image in images])
    frame[_CLASS] = [without_tags(image.label or "none") for image in images]
    return frame
