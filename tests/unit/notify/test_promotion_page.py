"""The page on which a promotion is approved: all the evidence, and nothing in it that is taken for markup."""

from given_evidence import make_evidence

from include.notify.promotion_page import promotion_page
from include.registry.approvals.evidence import ClassFigures

HAT = "&lt;b&gt;hat&lt;/b&gt; \\| \\[x\\]\\(http\\://evil.example\\) Bcc: all"


def test_the_page_compares_both_in_every_class_those_that_lose_most_first() -> None:
    page = promotion_page(4, make_evidence())

    at = page.index("| Class | Test images | Champion | Challenger | Difference |")
    assert page[at + 2 : at + 6] == [
        f"| {HAT} | 50 | 0.900 | 0.800 | -0.100 |",
        "| scarf | 50 | - | 0.960 | - |",
        "| coat | 100 | 0.800 | 0.900 | \\+0.100 |",
        "",
    ]
    assert page[page.index("Classes of the champion that this version does not know:") + 2] == "- sock"
    assert "| Champion \\(version 3\\) | 0.880, the challenger 0.920 on the same images |" in page


def test_the_page_says_what_changed_in_the_data_and_leaves_out_what_did_not() -> None:
    page = promotion_page(4, make_evidence())

    at = page.index("### What changed in the data since version 3")
    assert page[at + 2 : at + 7] == [
        "| Class | Images then | Images now | Added | Removed | Relabelled to it, from it |",
        "| --- | --- | --- | --- | --- | --- |",
        "| coat | 1,000 | 1,200 | \\+250 | -40 | -10 |",
        "| scarf | 0 | 60 | \\+50 |  | \\+10 |",
        "",
    ]


def test_the_page_says_what_each_answer_does_and_what_it_is_bound_to() -> None:
    page = promotion_page(4, make_evidence())

    text = "\n".join(page)
    assert "**Approve**: exactly this version becomes champion, in place of version 3" in text
    assert "**Reject**: version 3 stays champion, and goes on answering." in text
    for name, digit in (("Weights", "a"), ("Card", "b"), ("Snapshot", "c"), ("Evaluation", "d")):
        assert f"| {name} | {digit * 16}… |" in page


def test_the_first_champion_has_nothing_to_be_compared_with() -> None:
    page = promotion_page(
        1, make_evidence(champion_version=None, champion_accuracy=None, compared_accuracy=None, vanished_classes=())
    )

    assert "| Champion | none yet |" in page
    assert "| coat | 1,200 |" in page
    assert not any("What changed" in line for line in page)


def test_a_thousand_classes_do_not_make_a_page_of_a_thousand_lines() -> None:
    many = tuple(
        ClassFigures(label=f"class {i}", n_images=1, n_champion_right=1, n_challenger_right=1) for i in range(1000)
    )

    page = promotion_page(4, make_evidence(classes=many, vanished_classes=()))

    assert "And 900 more classes." in page
    assert len(page) < 200
