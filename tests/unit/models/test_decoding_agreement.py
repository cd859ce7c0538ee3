"""A model's answers to photos that are decoded at a smaller scale."""

import io
from pathlib import Path

import pytest
from PIL import Image
from synthetic_images import CLASSES, shapes

from include.config_parts import PreprocessingConfig
from include.images.preprocessing import preprocessing_digest
from include.models.agreement import Agreement
from include.models.artefact import load, save
from include.models.decoding_agreement import agreement_between
from include.models.prediction import Predictor
from include.models.training import TrainedModel

N_PHOTOS = 60
SIZE = 16


def photos() -> list[bytes]:
    """JPEGs of shapes, larger than what the model sees by a factor that is no whole number."""
    contents = []
    for pixels in shapes(N_PHOTOS, size=88, seed=5).images.pixels:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=90)
        contents.append(file.getvalue())
    return contents


@pytest.fixture
def predictor(trained: TrainedModel, tmp_path: Path) -> Predictor:
    preprocessing = PreprocessingConfig(size=SIZE)
    saved = save(
        tmp_path,
        trained.model,
        architecture="small_cnn",
        classes=CLASSES,
        preprocessing=preprocessing,
        preprocessing_digest=preprocessing_digest(preprocessing),
        temperature=1.0,
        snapshot_id="s",
    )
    return Predictor(load(tmp_path, sha256=saved.card_sha256))


def test_photos_that_are_decoded_at_the_smallest_scale_keep_their_labels(predictor: Predictor) -> None:
    as_trained, faster = PreprocessingConfig(size=SIZE), PreprocessingConfig(size=SIZE, jpeg_detail=1)

    agreement = agreement_between(predictor, photos(), as_trained, faster)

    assert agreement.holds, agreement


@pytest.mark.parametrize(
    ("agreement", "holds"),
    [
        (Agreement(0.995, 0.0099), True),
        (Agreement(0.99, 0.0), False),
        (Agreement(1.0, 0.01), False),
    ],
)
def test_few_flipped_labels_or_a_moved_confidence_are_enough_to_refuse(agreement: Agreement, *, holds: bool) -> None:
    assert agreement.holds is holds
