"""The sentences that say why: for a mail, the log and the report."""

from collections.abc import Sequence

from include.config_parts import DriftConfig
from include.drift.arbiter.harm import bounds, estimated
from include.drift.arbiter.probation import Probation
from include.drift.statistics.accuracy import Accuracy
from include.drift.statistics.features import Separation
from include.drift.statistics.image_quality import UNDECODABLE, ImageJump
from include.drift.statistics.measuring import WindowEvidence
from include.drift.statistics.mix import ClassMix
from include.drift.statistics.signals import Signal, SignalName
from include.drift.statistics.thresholds import Comparison

_SUBJECTS: dict[SignalName, str] = {
    "confidences": "the confidences",
    "classes": "the predicted classes",
    "features": "the features that the network sees",
    "images": "their looks",
}
_ORDINALS = {1: "first", 2: "second", 3: "third"}
_UNITS = {"short_side": " px", "long_side": " px"}


def what_was_found(version: int, window: WindowEvidence, drift: DriftConfig) -> tuple[str, ...]:
    """Return what the signals say, what the images look like, and what is known of the accuracy."""
    found = _signal_sentences(version, window, drift)
    if window.jumps:
        found.append(_jump_sentence(window.jumps, drift))
    if window.moved_classes:
        found.append(f"the confidences have moved most clearly of: {', '.join(window.moved_classes)}")
    found.extend(_accuracy_sentences(version, window, drift))
    return tuple(found)


def accepted_images() -> str:
    """Say that the images have jumped to where a person wanted them."""
    return "the images have jumped to what a person has declared normal, so this is drift of the data"


def broken_images(jumps: Sequence[ImageJump]) -> str:
    """Say what follows from a jump."""
    mend = "nothing is retrained or rolled back because of images like these: mend what sends them"
    if all(jump.statistic == UNDECODABLE for jump in jumps):
        return mend
    return f"{mend}, or declare them the new normal with ./driftgate accept"


def invalid_answers(n_invalid: int, n_images: int) -> str:
    """Say that confidences are no confidences."""
    return f"{n_invalid} of {n_images} answers have a confidence that is not a number from 0 to 1"


def no_previous() -> str:
    """Say that there is nobody to compare with."""
    return "there is no earlier version that could be asked about the same images"


def at_home(version: int, accuracy: Accuracy) -> str:
    """Say that the previous version does better on the same images."""
    return (
        f"version {version} answers the same images as well as it always did: {_phrase(accuracy)} beside "
        f"{accuracy.baseline:.2f} on its own held-out images, which is better beyond both intervals"
    )


def not_at_home(version: int, accuracy: Accuracy | None, comparison: Comparison | None, drift: DriftConfig) -> str:
    """Say that the previous version is no better."""
    if accuracy is None:
        where = f": its confidences lie {comparison.distance:.2f} sd from its own baseline" if comparison else ""
        return f"nobody knows how accurate version {version} was, so it is none to go back to{where}"
    if not accuracy.is_trusted:
        return (
            f"version {version} has never seen images like these, either, so no estimate of its accuracy can be trusted"
        )
    known = f"{_phrase(accuracy)} beside {accuracy.baseline:.2f} on its own held-out images"
    if accuracy.has_dropped(drift.min_accuracy_drop):
        return f"version {version} has become worse on the same images, too: {known}"
    return f"version {version} is not better on the same images beyond both intervals: {known}"


def look_at_the_model() -> str:
    """Say what a window without confidences asks for."""
    return "too few are left to judge, and no later check looks at them again: find out what the model answers"


def no_baseline(version: int, n_images: int) -> str:
    """Say that there is nothing to compare with."""
    return f"version {version} has no baseline to compare its {n_images} answers with: train a new version"


def too_few_answers(n_images: int, window: int) -> str:
    """Say that the window is not full."""
    return f"{n_images} of the {window} new answers that a verdict needs: they wait for the next run"


def too_few_windows(n_acting: int, drift: DriftConfig) -> str:
    """Say that another window has to say the same."""
    return (
        f"nothing is done yet: this is {n_acting} of the last {drift.of_windows} windows with something to act on, "
        f"drift.alarms is {drift.alarms}, and it is not so clear that one suffices"
    )


def on_probation(version: int, probation: Probation) -> str:
    """Say why one window suffices."""
    place = _ORDINALS.get(probation.number, f"{probation.number}th")
    return (
        f"version {version} is on probation: the {place} window since its promotion suffices "
        f"(promotion.probation_windows is {probation.n_windows})"
    )


def restored(previous: int) -> str:
    """Say that the previous version takes over."""
    return f"so version {previous} is restored"


def rolled_back_before(check_id: str, previous: int) -> str:
    """Say why the previous version does not take over."""
    return (
        f"check {check_id} has rolled back since the last stable window, and a second time needs a person: look at the "
        f"report, and roll back to version {previous} if it is right"
    )


def too_few_labels(n_labels: int, n_needed: int) -> str:
    """Say what is missing."""
    return f"there are {n_labels} new labels, retraining needs {n_needed}: label some of the new images"


def labels_are_asked_for(n_labels: int, n_needed: int, n_open: int) -> str:
    """Say why nobody is asked again."""
    return (
        f"there are {n_labels} new labels, retraining needs {n_needed}: {n_open} images that people were asked about "
        "since the last stable window wait for theirs, and with these it can begin, so no more are asked for"
    )


def enough_labels(n_labels: int) -> str:
    """Say what there is to learn from."""
    return f"there are {n_labels} new labels to retrain with"


def labels_arrived(n_labels: int, check_id: str) -> str:
    """Say that the wait is over."""
    return f"{n_labels} new labels arrived for the drift of check {check_id}"


def alert_only() -> str:
    """Say that the pipeline only tells."""
    return "retraining.mode is alert_only: start the training if you want it"


def asked_before(check_id: str) -> str:
    """Say that retraining is asked for once in an episode."""
    return f"check {check_id} has asked for retraining since the last stable window: another one needs a person"


def cools_down(hours_since_last: float, cooldown_hours: float) -> str:
    """Say that the last request was too short ago."""
    return f"the last request was {hours_since_last:.1f} hours ago, retraining.cooldown_hours is {cooldown_hours:g}"


def budget_is_spent(n_last_week: int, weekly_budget: int) -> str:
    """Say that there were too many requests."""
    return f"there were {n_last_week} requests in seven days, retraining.weekly_budget is {weekly_budget}"


def _signal_sentences(version: int, window: WindowEvidence, drift: DriftConfig) -> list[str]:
    if window.speaking:
        return [_signal_sentence(version, signal) for signal in window.speaking]
    compared = ", ".join(_silent_phrase(signal) for signal in window.signals)
    rate = f"{drift.false_alarm_rate * 100:g} %"
    return [f"nothing has changed by more than chance explains in all but {rate} of windows: {compared}"]


def _signal_sentence(version: int, signal: Signal) -> str:
    c = signal.comparison
    changed = f"on {c.n_images} images {_SUBJECTS[signal.name]} have changed by {c.distance:.3g} ({signal.measure})"
    chance = f"chance explains up to {c.threshold:.3g} (p = {c.p_value:.2g})"
    return f"{changed} from those of version {version}'s {c.n_baseline} held-out ones; {chance}"


def _silent_phrase(signal: Signal) -> str:
    c = signal.comparison
    small = f", and less than {signal.floor:g} does not matter" if c.differs else ""
    return f"{_SUBJECTS[signal.name]} by {c.distance:.3g} (chance explains {c.threshold:.3g}{small})"


def _jump_sentence(jumps: Sequence[ImageJump], drift: DriftConfig) -> str:
    told = "; ".join(_jump_phrase(jump) for jump in jumps)
    return f"the images have jumped: {told} (drift.min_image_jump is {drift.min_image_jump:g})"


def _jump_phrase(jump: ImageJump) -> str:
    if jump.statistic == UNDECODABLE:
        return f"{jump.now:.0%} of them cannot be decoded, {jump.before:.0%} of the held-out ones could not"
    name, unit = jump.statistic.replace("_", " "), _UNITS.get(jump.statistic, "")
    return f"{name} from {jump.before:.3g}{unit} to {jump.now:.3g}{unit}, {jump.distance:.1f} standard deviations"


def _accuracy_sentences(version: int, window: WindowEvidence, drift: DriftConfig) -> list[str]:
    accuracy = window.accuracy
    if accuracy is None:
        return [
            f"nobody knows which held-out answers of version {version} were right, so its accuracy is not estimated, "
            "and confidences that have moved count as a drop"
        ]
    known = f"the accuracy is {_phrase(accuracy)} beside {accuracy.baseline:.2f} on the held-out images"
    realised = accuracy.measured
    if realised is not None:
        known += f"; without labels it would be estimated at {_interval_phrase(*estimated(accuracy))}"
    sentences = [known]
    if realised is None and not window.speaking:
        return sentences
    if not accuracy.is_trusted and window.separation is not None and realised is None:
        sentences.append(_separation_sentence(window.separation))
    if window.mix is not None and window.mix.explains:
        sentences.append(_mix_sentence(window.mix))
    least = f"drift.min_accuracy_drop is {drift.min_accuracy_drop:g}"
    if accuracy.has_dropped(drift.min_accuracy_drop):
        sentences.append(f"that counts as a drop ({least})")
    else:
        sentences.append(f"that is no drop that matters and that chance does not explain ({least})")
    return sentences


def _separation_sentence(separation: Separation) -> str:
    return (
        f"the network sees images of another world (told apart from the held-out ones with an AUC of "
        f"{separation.auc:.2f}): there, an estimate of the accuracy is too high by any amount, so it counts as dropped"
    )


def _mix_sentence(mix: ClassMix) -> str:
    return f"another mix of classes explains the window: with it, {mix.expected_accuracy:.2f} is to be expected"


def _phrase(accuracy: Accuracy) -> str:
    realised = accuracy.measured
    told = _interval_phrase(*bounds(accuracy))
    return f"estimated at {told}" if realised is None else f"{told} by {realised.n_images} labels"


def _interval_phrase(value: float, low: float, high: float) -> str:
    return f"{value:.2f} ({low:.2f} to {high:.2f})"
