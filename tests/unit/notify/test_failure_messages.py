"""What the mails say of runs that ended early."""

import pytest

from include.catalog.broken import Judgement, Reason
from include.notify import failure_messages
from include.notify.mail import Mail, Message, compose

RUN = ("The run", "https://airflow.example.com/dags/garments_training/runs/1")


def told(message: Message) -> tuple[Mail, str]:
    mail = compose(message)
    return mail, " ".join(mail.text.split())


def test_a_failed_run_names_the_first_of_many_tasks() -> None:
    tasks = [f"predict[{i}]" for i in range(128)]

    mail, text = told(
        failure_messages.failed("garments", dag_id="garments_inference", run_id="manual__1", tasks=tasks, links=[RUN])
    )

    assert mail.subject == "[driftgate] garments: a run of garments_inference failed"
    assert "predict[9] and 118 more failed in run manual__1" in text
    assert "predict[10]" not in text


def test_a_run_that_was_ended_names_no_task() -> None:
    _, text = told(failure_messages.failed("garments", dag_id="garments_training", run_id="r", tasks=[], links=[]))

    assert "Run r of garments_training failed." in text


JUDGEMENT = Judgement(
    n_images=1200,
    n_bad=480,
    reasons=(
        Reason("is not an image (JPEG, PNG)", 478, ("a.jpg", "b <b>&'\"\n.jpg", "c" * 300 + ".jpg")),
        Reason("is empty", 2, ("z.jpg", "zz.jpg")),
    ),
)


@pytest.mark.parametrize(
    ("is_training", "follows", "command"),
    [
        (False, "the readable ones do, and the next run answers them", "./driftgate infer garments"),
        (True, "every training run stops here until they are repaired or removed", "./driftgate train garments"),
    ],
)
def test_broken_images_are_told_with_their_reasons_and_names(*, is_training: bool, follows: str, command: str) -> None:
    message = failure_messages.broken_images(
        "garments",
        JUDGEMENT,
        dag_id="garments_inference",
        run_id="manual__1",
        max_bad_fraction=0.1,
        is_training=is_training,
        links=[RUN],
    )

    mail, text = told(message)

    assert mail.subject == "[driftgate] garments: images are broken: 480 of 1,200 cannot be decoded"
    assert mail.kind == "broken"
    assert "480 of 1,200 images cannot be decoded (40.0%)" in text
    assert "images.max_bad_fraction allows 10.0%" in text
    assert follows in text
    assert command in text
    assert "is not an image (JPEG, PNG): 478 images ('a.jpg', " in text
    assert "is empty: 2 images ('z.jpg', 'zz.jpg')" in text
    assert "b <b>&\\'\"\\n.jpg" in text
    assert "c" * 120 not in text
    assert "<b>&amp;" not in mail.html
    assert "b &lt;b&gt;&amp;" in mail.html
