"""On which side an image is."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from include.catalog.split import SHARES, Split, SplitImage, assign_splits, is_used

contents = st.integers(0, 60).map(lambda n: f"{n:064x}")
images = st.lists(
    st.builds(SplitImage, contents, st.sampled_from("abc"), st.text("xyz/", min_size=1, max_size=4), st.booleans()),
    max_size=80,
)


def many(n: int, label: str = "shirt") -> list[SplitImage]:
    return [SplitImage(f"{label}{i}", label, f"{label}/{i}.jpg") for i in range(n)]


def test_the_shares_are_what_was_promised() -> None:
    counts = Counter(assign_splits(many(20_000), {}).values())

    for split, share in SHARES.items():
        assert abs(counts[split] / 20_000 - share) < 0.01


@given(images)
def test_the_order_of_the_images_does_not_matter(found: list[SplitImage]) -> None:
    assert assign_splits(found, {}) == assign_splits(found[::-1], {})


@given(images, images)
def test_what_has_a_side_keeps_it_whatever_comes_later(first: list[SplitImage], later: list[SplitImage]) -> None:
    fixed = assign_splits(first, {})

    splits = assign_splits(first + later, fixed)

    assert {content: splits[content] for content in fixed} == fixed


def test_relabelled_and_moved_images_keep_their_side() -> None:
    before = many(200)
    fixed = assign_splits(before, {})
    after = [SplitImage(image.content_sha256, "hat", f"elsewhere/{image.path}") for image in before]

    assert assign_splits(after, fixed) == fixed


def test_a_group_stays_together_and_goes_where_a_known_member_is() -> None:
    found = [SplitImage(f"{person}-{i}", "face", f"person{person}/{i}.jpg") for person in range(50) for i in range(5)]
    fixed = {"7-3": Split.TEST}

    splits = assign_splits(found, fixed, group_pattern=r"^person\d+")

    for person in range(50):
        assert len({splits[f"{person}-{i}"] for i in range(5)}) == 1
    assert splits["7-0"] is Split.TEST


def test_every_class_of_three_reaches_every_side() -> None:
    found = [image for label in map(str, range(200)) for image in many(3, label)]

    splits = assign_splits(found, {})

    for label in map(str, range(200)):
        assert {splits[image.content_sha256] for image in many(3, label)} == set(Split)


def test_a_class_is_not_stripped_of_its_only_training_image() -> None:
    fixed = {"shirt0": Split.TRAIN, "shirt1": Split.TRAIN}

    splits = assign_splits(many(3), fixed)

    assert splits["shirt0"] is splits["shirt1"] is Split.TRAIN


def informative(found: list[SplitImage]) -> list[SplitImage]:
    return [image._replace(is_informative=True) for image in found]


def test_new_images_that_a_version_doubts_about_are_trained_on_and_change_no_other_side() -> None:
    before = many(300)
    hard = informative([SplitImage(f"hard{i}", "shirt", f"new/{i}.jpg") for i in range(100)])

    splits = assign_splits(before + hard, {})

    assert {splits[image.content_sha256] for image in hard} == {Split.TRAIN}
    assert {content: side for content, side in splits.items() if not content.startswith("hard")} == assign_splits(
        before, {}
    )


def test_one_that_has_another_side_keeps_it_and_is_not_used_there() -> None:
    fixed = assign_splits(many(200), {})

    assert assign_splits(informative(many(200)), fixed) == fixed

    assert is_used(Split.TRAIN, is_informative=True)
    assert not is_used(Split.VALIDATION, is_informative=True)
    assert not is_used(Split.TEST, is_informative=True)
    assert all(is_used(side, is_informative=False) for side in Split)


def test_a_group_goes_where_its_hash_says_however_hard_some_of_it_is_unless_all_of_it_is() -> None:
    found = [SplitImage(f"{person}-{i}", "face", f"person{person}/{i}.jpg") for person in range(60) for i in range(3)]
    some_hard = [image._replace(is_informative=image.content_sha256.endswith("-0")) for image in found]

    as_ever = assign_splits(found, {}, group_pattern=r"^person\d+")

    assert assign_splits(some_hard, {}, group_pattern=r"^person\d+") == as_ever
    assert set(assign_splits(informative(found), {}, group_pattern=r"^person\d+").values()) == {Split.TRAIN}


def test_a_class_that_is_trained_on_with_hard_images_alone_gets_its_others_to_measure_with() -> None:
    for name in map(str, range(50)):
        hard, others = informative(many(5, f"{name} hard")), many(2, name)
        found = [image._replace(label=name) for image in (*hard, *others)]

        splits = assign_splits(found, {})

        assert {splits[image.content_sha256] for image in others} == {Split.VALIDATION, Split.TEST}
