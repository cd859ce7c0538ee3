"""A version as Snowflake's Model Registry keeps it: our own files, answered by our own handler.

It is imported only in the environment of snowflake-ml-python. The library pickles this module's class by value, and
nothing else: the weights stay safetensors, which are verified against their card when they are first loaded.
"""

import pandas as pd
from snowflake.ml.model import custom_model
from snowflake.ml.model.model_signature import DataType, FeatureSpec, ModelSignature

FILES = "files"
"""The artefact that is the folder with the model's files; it is called what their names begin with."""
CODE = "code"
"""The artefact that is the zip with the handler and what it imports."""

SIGNATURES = {
    "classify": ModelSignature(
        inputs=[FeatureSpec("FILE_URL", DataType.STRING)],
        outputs=[
            FeatureSpec("label", DataType.STRING),
            FeatureSpec("confidence", DataType.DOUBLE),
            FeatureSpec("version", DataType.INT64),
            FeatureSpec("error", DataType.STRING),
        ],
    )
}


class Classifier(custom_model.CustomModel):  # type: ignore[misc] # the library is not in every environment
    """A classifier of staged files."""

    @custom_model.inference_api  # type: ignore[untyped-decorator]
    def classify(self, files: pd.DataFrame) -> pd.DataFrame:
        """Answer files, as the function does that SQL calls.

        Args:
            files: A column of scoped URLs.

        Returns:
            A row for each; its `error` says why there is no answer.
        """
        import sys
        from pathlib import Path

        if self.context.path("code") not in sys.path:
            sys.path.insert(0, self.context.path("code"))

        from include.models.sql_function import load_classifier  # with torch, which is where this is called

        folder = Path(self.context.path("files"))
        urls = [None if pd.isna(url) else str(url) for url in files.iloc[:, 0]]
        answers = load_classifier(folder, folder.name).answers(urls)
        columns = ["label", "confidence", "version", "error"]
        # as objects: among numbers a missing one would make floats of the others
        return pd.DataFrame([answer or {} for answer in answers], columns=columns, dtype=object)
