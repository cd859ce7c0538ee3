"""The verb `explain`: all that is known of one image, and on which grounds. It asks the warehouse itself."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from include.commands.console import Output, printable
from include.commands.history import described
from include.commands.local.state import LocalState
from include.commands.options import AsJson, Name, OfDemo
from include.commands.version_story import let_in, moment, origin
from include.commands.warehouse_access import open_warehouse, pipeline_named

if TYPE_CHECKING:  # half a second to import
    from include.registry.explanation import Answer, Explanation, FileVersion


def explain(
    name: Name,
    image: Annotated[
        str, typer.Argument(metavar="IMAGE", help="The image's path below its stage, as in shirt/0001.jpg.")
    ],
    demo: OfDemo = False,
    as_json: AsJson = False,
) -> None:
    """Tell which version answered what about an image, when, and who let that version in.

    Of each version of the file: when it was seen, its labels, its split,
    why it is in quarantine; and every answer with its run, the snapshot
    that the model learnt from, the verdict of the drift check that judged
    it, and whether it is the one that counts.
    """
    output = Output(as_json=as_json)
    state = LocalState.locate(demo=demo)
    config = pipeline_named(name, state)
    with open_warehouse(config, state) as warehouse:
        from include.registry.explanation import explain_image

        explanation = explain_image(warehouse, config, image)
    output.say(f"{printable(image)} of {config.name}", style="bold")
    for file in explanation.files:
        for line in _file_story(file, explanation):
            output.say(printable(line))
    if not explanation.current:
        output.say("no answer to it counts today: CURRENT_PREDICTIONS shows none")
    output.result({"name": config.name, **_described(explanation)})


def _file_story(file: "FileVersion", explanation: "Explanation") -> Iterator[str]:
    """Tell of a version of the file what it was, what people said of it, and what was answered."""
    gone = f"gone since {moment(file.gone_at)}" if file.gone_at else "still there"
    seen = f"first seen {moment(file.first_seen_at)}, {gone}"
    yield f"file {file.etag} in stage {file.stage}: {file.size:,} bytes, {seen}"
    content = f"content SHA-256 {file.content_sha256}" if file.content_sha256 else "content not read yet"
    yield f"  {content}, split {file.split or 'not decided yet'}"
    if file.label is not None:
        yield f"  label in its path: {file.label}"
    for label in explanation.labels:
        if (label.stage, label.etag) == (file.stage, file.etag):
            counts = "counts" if label.is_current else "replaced by a newer one"
            yield f"  label {label.label}, given {moment(label.labelled_at)} (source {label.source}); {counts}"
    if file.quarantine_reason is not None and file.quarantined_at is not None:
        yield f"  in quarantine since {moment(file.quarantined_at)}: {file.quarantine_reason}"
    answers = [answer for answer in explanation.answers if (answer.stage, answer.etag) == (file.stage, file.etag)]
    if not answers:
        yield "  no version has answered it"
    for answer in answers:
        yield from _answer_story(answer, explanation)


def _answer_story(answer: "Answer", explanation: "Explanation") -> Iterator[str]:
    version = explanation.versions.get(answer.version)
    state = f" ({version.state})" if version else ""
    current = "; the current answer" if answer.is_current else ""
    yield f"  {answer.type}, {answer.confidence:.1%}, {moment(answer.at)}, by version {answer.version}{state}{current}"
    yield f"    answered in run {answer.run_id}"
    if version:
        yield f"    version {version.version} learnt from {origin(version)} in run {version.run_id}"
        yield f"    {let_in(version)}"
    yield f"    {_judged(answer)}"


def _judged(answer: "Answer") -> str:
    verdict = answer.verdict
    if verdict:
        reasons = f": {'; '.join(verdict.reasons)}" if verdict.reasons else ""
        return (
            f"drift check {verdict.check_id} of {moment(verdict.checked_at)}: {verdict.verdict}, "
            f"action {verdict.action}{reasons}"
        )
    if not answer.is_first:
        return "not judged by drift checks: another version had answered this image before"
    return "no drift check has judged it yet"


def _described(explanation: "Explanation") -> dict[str, Any]:
    return {
        "path": explanation.relative_path,
        "files": [file._asdict() for file in explanation.files],
        "labels": [label._asdict() for label in explanation.labels],
        "answers": [
            {**answer._asdict(), "verdict": answer.verdict._asdict() if answer.verdict else None}
            for answer in explanation.answers
        ],
        "versions": {str(number): described(version) for number, version in explanation.versions.items()},
    }
