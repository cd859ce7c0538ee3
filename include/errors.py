"""The exceptions of the project. Each message names the thing, the value and the next step."""

from typing import ClassVar


class DriftgateError(Exception):
    """Anything that Driftgate itself refuses or cannot do."""

    is_transient: ClassVar[bool] = False
    """Whether the same may succeed when it is tried again."""


class ConfigError(DriftgateError):
    """A pipeline file or a run's parameter is wrong."""


class WarehouseError(DriftgateError):
    """The warehouse refused a statement."""


class WarehouseUnavailableError(WarehouseError):
    """The warehouse could not be reached, or went away in mid-statement."""

    is_transient = True


class AccessDeniedError(WarehouseError):
    """The session's role may not do what a statement does, or the user may not take a role."""


class SetupRefusedError(AccessDeniedError):
    """What a pipeline needs in the account takes an administrator."""


class LockNotAcquiredError(WarehouseError):
    """Other transactions held the pipeline's lock for longer than we wait."""

    is_transient = True


class ConcurrentChangeError(WarehouseError):
    """Another run changed the same rows meanwhile."""

    is_transient = True


class ForgottenMeanwhileError(ConcurrentChangeError):
    """An image was forgotten on request while a task worked on it: tried again, the task leaves it out."""


class StageError(DriftgateError):
    """A stage is missing, or its folder is."""


class CatalogShrunkError(DriftgateError):
    """A sync would drop so many images that a missing folder is likelier than a clean-up."""


class SnapshotError(DriftgateError):
    """The labelled images do not make a data set that can be trained on."""


class FetchError(DriftgateError):
    """A staged file could not be read."""

    is_transient = True


class VanishedFileError(FetchError):
    """A file that was there when its stage was listed is no longer there; it may come back with its folder."""


class UnreadableImageError(DriftgateError):
    """A file is not an image that we can decode: it belongs into QUARANTINE."""


class DecoderError(DriftgateError):
    """A process that decodes images did not start, was ended from outside, or fails in a way that no file explains."""

    is_transient = True


class OutOfMemoryError(FetchError):
    """An image could not be decoded for lack of memory, twice: it is left for another run, as one that is not there."""


class BrokenImagesError(DriftgateError):
    """So many images of a run cannot be decoded that it is not a few bad files."""


class StoreError(DriftgateError):
    """A file of the store is missing, torn or not what its digest says."""


class ModelError(DriftgateError):
    """A model cannot be built, trained or used as asked."""


class ArtefactError(ModelError):
    """A model's files are missing or are not what the ledger says."""


class IncompleteWriteError(WarehouseError):
    """After a write-back the warehouse does not hold what was sent; nothing was committed."""


class RecalledVersionError(DriftgateError):
    """The answers come from a version that was rolled back meanwhile; they are not written."""


class PromotionRefusedError(DriftgateError):
    """Another version became champion since the challenger was evaluated."""


class UnofferedPackageError(DriftgateError):
    """The account offers no usable version of a package that the published function needs."""


class ModelRegistryError(DriftgateError):
    """Snowflake's Model Registry refuses a version, or is reached from an environment that does not do."""


class ChampionMovedError(DriftgateError):
    """The champion changed again and again while it was published."""

    is_transient = True


class TooFewApproversError(DriftgateError):
    """So few people may answer a request that it can never be approved."""


class UnknownRequestError(DriftgateError):
    """A run has put no such request."""


class RollbackRefusedError(DriftgateError):
    """The version cannot be restored."""


class ChampionChangedError(RollbackRefusedError):
    """Another version became champion since the rollback was asked for."""


class UnknownVersionError(DriftgateError):
    """There is no version with this number."""


class UnknownCheckError(DriftgateError):
    """There is no drift check with this id."""


class AcceptanceRefusedError(DriftgateError):
    """What a drift check found cannot be declared the new normal."""


class UnknownImageError(DriftgateError):
    """There is no image with this path."""


class LabelError(DriftgateError):
    """A label is for an image that is not in the catalog, or says nothing."""


class NotDeliveredError(DriftgateError):
    """An alert could not go through a channel; the message says why, without secrets."""

    is_transient = True


class VanishedFactError(DriftgateError):
    """What an alert is about is no longer there."""


class CommandError(DriftgateError):
    """The command cannot do what it was asked to."""


class ExpiredUrlError(FetchError):
    """A signed URL is no longer accepted: ask for a new one, once."""


class MissingSegmentError(StoreError):
    """A segment of pixels (first argument) is missing or torn (second argument): preprocess its images again."""

    is_transient = True
    """It may have been replaced by another one, which PIXELS names by now."""

    @property
    def segment(self) -> str:
        """The segment's name in the store."""
        return str(self.args[0])

    def __str__(self) -> str:
        return f"segment {self.args[0]} is {self.args[1]}: preprocess its images again"


class MissingFeaturesError(MissingSegmentError):
    """A file of features (first argument) is missing or torn (second argument): its images are embedded again."""

    def __str__(self) -> str:
        return f"{self.args[0]} is {self.args[1]}: try again, and its images are embedded again"


class UnstorableFeaturesError(ModelError):
    """What a network sees in an image cannot be kept as float16."""


class WrongCallError(CommandError):
    """The command was called in a way that makes no sense."""


class UnknownPipelineError(ConfigError, WrongCallError):
    """There is no pipeline with this name."""


class UnreachableError(CommandError):
    """Airflow or the warehouse does not run, or does not answer."""


class RunFailedError(CommandError):
    """A run that the command followed has failed."""
