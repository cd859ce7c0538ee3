"""The gate: whom it refuses, and why."""

from dataclasses import replace

import pytest

from include.config_parts import GateConfig
from include.errors import ConfigError
from include.models.evidence import ChampionAnswers, NewClass, PairedEvidence, SharedClass, pair_answers
from include.models.gate import NOTHING_COMPARED, GateResult, judge

GATE = GateConfig(min_accuracy=0.70, max_accuracy_drop=0.01, max_class_recall_drop=0.10, min_recall=0.50)
DIGITS = tuple("0123456789")


def of_class(label: str, *, n: int = 48, b: int = 0, c: int = 0, right: int = 40) -> SharedClass:
    return SharedClass(
        label=label, n_images=n, n_only_champion_right=b, n_only_challenger_right=c, n_challenger_right=right
    )


def evidence(
    *shared: SharedClass,
    new: tuple[NewClass, ...] = (),
    vanished: tuple[str, ...] = (),
    champion: int | None = 3,
    n_left_out: int = 0,
    n_not_prepared: int = 0,
) -> PairedEvidence:
    counted = (*[(s.n_images, s.n_challenger_right) for s in shared], *[(n.n_images, n.n_right) for n in new])
    return PairedEvidence(
        champion_version=champion,
        champion_event_seq=7,
        champion_is_obsolete=False,
        n_images=sum(n for n, _ in counted),
        n_right=sum(right for _, right in counted),
        n_left_out=n_left_out,
        n_not_prepared=n_not_prepared,
        shared_classes=shared,
        new_classes=new,
        vanished_classes=vanished,
    )


def judged(found: PairedEvidence, *, accept_vanished_classes: bool = False) -> GateResult:
    return judge(found, GATE, accept_vanished_classes=accept_vanished_classes)


@pytest.mark.parametrize(("right", "passes"), [(699, False), (700, True), (1000, True), (0, False)])
def test_without_a_champion_only_the_accuracy_counts(right: int, passes: bool) -> None:  # noqa: FBT001
    first = PairedEvidence(
        champion_version=None,
        champion_event_seq=0,
        champion_is_obsolete=False,
        n_images=1000,
        n_right=right,
        n_left_out=0,
        n_not_prepared=0,
        shared_classes=(),
        new_classes=(),
        vanished_classes=(),
    )

    result = judged(first)

    assert result.passed is passes
    assert result.drop is None
    verb = "reaches" if passes else "is below"
    assert result.reasons == (
        f"test accuracy {right / 1000:.3f} on 1000 images {verb} gate.min_accuracy 0.7",
        "there is no champion to compare with",
        "no test images left out because a model was trained on them",
    )
    assert result.summary == "; ".join(result.reasons[: 2 if passes else 1])


def test_a_challenger_that_is_as_good_passes_and_is_told_what_the_images_can_show() -> None:
    ten = [of_class(label, b=4, c=4) for label in DIGITS]

    result = judged(evidence(*ten, n_left_out=2, n_not_prepared=1))

    assert result.passed
    assert result.drop is not None
    assert result.drop.observed == 0
    assert result.reasons == (
        "test accuracy 0.833 on 480 images reaches gate.min_accuracy 0.7",
        "accuracy 0.833 against 0.833 of champion version 3 on the same 480 images: no difference",
        "in none of 10 classes has the recall dropped beyond gate.max_class_recall_drop 0.1",
        f"with 95% confidence the accuracy has gained no more than {-result.drop.lower_bound:.3f}",
        f"these 480 images can show drops from {result.drop.smallest_shown:.3f} on",
        "2 test images left out because a model was trained on them",
        "1 more could not be prepared as the champion needs them",
    )
    assert result.summary == "; ".join(result.reasons[:2])
    assert result.drop.lower_bound == pytest.approx(-0.0306, abs=0.0005)
    assert result.drop.smallest_shown == pytest.approx(0.045, abs=0.003)


def test_a_drop_that_the_images_show_is_refused_for_the_accuracy_first() -> None:
    result = judged(evidence(*[of_class(label, b=8, c=3) for label in DIGITS]))

    assert not result.passed
    assert result.summary == result.reasons[0]
    assert result.summary == (
        "accuracy 0.833 against 0.938 of champion version 3 on the same 480 images: "
        "a drop of 0.104, shown to exceed gate.max_accuracy_drop 0.01"
    )
    assert result.reasons[1].startswith("test accuracy 0.833")
    assert result.drop is not None
    assert result.drop.lower_bound > GATE.max_accuracy_drop
    assert f"with 95% confidence the accuracy has dropped by at least {result.drop.lower_bound:.3f}" in result.reasons


@pytest.mark.parametrize(
    ("b", "c", "said"),
    [
        (3, 15, "a gain of 0.250"),
        (5, 5, "no difference"),
        (51, 50, "a drop of 0.005, within gate.max_accuracy_drop 0.01"),
        (6, 5, "a drop of 0.021, not shown to exceed gate.max_accuracy_drop 0.01"),
    ],
)
def test_what_passes_is_told_by_its_accuracy_and_the_comparison_in_one_line(b: int, c: int, said: str) -> None:
    n = 200 if b > 48 else 48

    result = judged(evidence(of_class("a", n=n, b=b, c=c, right=n - b), of_class("b", n=0, right=0)))

    assert result.passed
    assert result.summary.endswith(f"of champion version 3 on the same {n} images: {said}")
    assert result.summary.startswith("test accuracy 0.")
    assert len(result.summary) <= 210
    assert "no test image shows what became of the recall of 'b'" in result.reasons


def test_a_few_images_are_told_to_show_nothing() -> None:
    result = judged(evidence(of_class("a", n=2, right=2)))

    assert result.passed
    assert "these 2 images can show no drop, however large" in result.reasons


def test_one_class_that_has_fallen_is_refused_and_named_though_the_accuracy_holds() -> None:
    others = [of_class(label, b=2, c=4) for label in DIGITS[1:]]

    result = judged(evidence(of_class("it's a hat", b=20, c=1, right=20), *others))

    assert not result.passed
    assert result.reasons[0] == (
        "in 1 of 10 classes the recall has dropped beyond gate.max_class_recall_drop 0.1: "
        '"it\'s a hat" from 0.812 to 0.417 (48 images)'
    )


def test_of_many_fallen_classes_the_worst_are_named() -> None:
    classes = [of_class(f"c{i}", b=30 + i, c=0, right=10) for i in range(7)]

    listed = next(reason for reason in judged(evidence(*classes)).reasons if "7 of 7 classes" in reason)

    assert "'c6' from 0.958 to 0.208 (48 images), 'c5'" in listed
    assert listed.endswith("'c2' from 0.875 to 0.208 (48 images) and 2 more")


@pytest.mark.parametrize(
    ("new", "passes", "said"),
    [
        (
            NewClass(label="hat", n_images=10, n_right=5),
            True,
            "reaches gate.min_recall 0.5: 0.500 of 'hat' (10 images)",
        ),
        (NewClass(label="hat", n_images=10, n_right=4), False, "is below gate.min_recall 0.5: 0.400 of 'hat'"),
        (NewClass(label="hat", n_images=0, n_right=0), False, "is below gate.min_recall 0.5: 'hat' (no test image)"),
    ],
)
def test_a_new_class_needs_its_recall(new: NewClass, passes: bool, said: str) -> None:  # noqa: FBT001
    result = judged(evidence(of_class("a"), of_class("b"), new=(new,)))

    assert result.passed is passes
    assert said in result.reason
    compared = "of champion version 3 on 96 images of classes that both know: no difference"
    assert any(reason.endswith(compared) for reason in result.reasons) is (new.n_images > 0)


def test_a_vanished_class_is_refused_unless_the_run_says_so() -> None:
    found = evidence(of_class("a"), of_class("b"), vanished=("coat", "hat"))

    refused, accepted = judged(found), judged(found, accept_vanished_classes=True)

    assert (refused.passed, accepted.passed) == (False, True)
    assert refused.reasons[0] == (
        "classes of the champion have vanished, and the run does not accept_vanished_classes: 'coat', 'hat'"
    )
    assert accepted.reasons[3] == "classes of the champion have vanished, as this run accepts: 'coat', 'hat'"


def test_what_could_not_be_compared_at_all_is_refused() -> None:
    found = evidence(of_class("a", n=0, right=0), new=(NewClass(label="b", n_images=9, n_right=9),), n_not_prepared=9)

    assert judged(found).reasons[0] == NOTHING_COMPARED


def test_a_champion_that_can_answer_nothing_any_more_does_not_stay_for_that() -> None:
    found = replace(evidence(of_class("a", n=0, right=0), n_not_prepared=9), n_images=9, n_right=9)

    assert not judged(found).passed
    result = judged(replace(found, champion_is_obsolete=True))

    assert result.passed
    assert f"{NOTHING_COMPARED}: this release makes other pixels than it needs" in result.reasons


def test_with_other_classes_altogether_there_is_nothing_to_compare() -> None:
    found = evidence(new=(NewClass(label="b", n_images=9, n_right=9),), vanished=("a",))

    result = judged(found, accept_vanished_classes=True)

    assert result.passed
    assert NOTHING_COMPARED in result.reasons


def test_answers_are_counted_by_hand() -> None:
    truth = ["a", "a", "a", "a", "a", "b", "b", "new", "new"]
    ours = ["a", "a", "b", "b", "a", "b", "a", "new", "a"]
    theirs = ["a", "gone", "a", "b", None, "b", "b", None, "a"]

    found = pair_answers(
        truth,
        ours,
        classes=("a", "b", "new"),
        n_left_out=4,
        champion=ChampionAnswers(3, ("a", "b", "gone"), theirs),
        champion_event_seq=7,
    )

    assert found == PairedEvidence(
        champion_version=3,
        champion_event_seq=7,
        champion_is_obsolete=False,
        n_images=9,
        n_right=5,
        n_left_out=4,
        n_not_prepared=1,
        shared_classes=(
            of_class("a", n=4, b=1, c=1, right=2),
            of_class("b", n=2, b=1, c=0, right=1),
        ),
        new_classes=(NewClass(label="new", n_images=2, n_right=1),),
        vanished_classes=("gone",),
    )
    assert found.compared_accuracies == (4 / 6, 3 / 6)
    assert PairedEvidence.from_json(found.to_json()) == found


def test_evidence_that_is_none_is_an_error() -> None:
    with pytest.raises(ConfigError, match="not a PairedEvidence"):
        PairedEvidence.from_json({"champion_version": 1})
