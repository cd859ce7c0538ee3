import pytest
from synthetic_images import CLASSES, shapes

from include.config_parts import TrainingConfig
from include.models.compute import Compute
from include.models.training import TrainedModel, train


@pytest.fixture(scope="session")
def trained() -> TrainedModel:
    """A small CNN that tells discs, stripes and triangles apart."""
    training = shapes(240, seed=1)
    return train(
        images=training.images,
        labels=training.labels,
        validation=shapes(90, seed=2),
        classes=CLASSES,
        architecture="small_cnn",
        weights="none",
        settings=TrainingConfig(n_epochs=10, batch_size=32, base_lr=0.005),
        seed=7,
        horizontal_flip=True,
        compute=Compute(),
    )
