"""The verb `labels`, as a person and a program call it."""

import json

import pytest

from include.commands.app import main


@pytest.fixture(autouse=True)
def here(place_pipeline, tmp_path, monkeypatch, warehouse):
    """The pipeline's file, its warehouse in the environment, and no local instance."""
    place_pipeline(retraining={"min_new_labels": 2})
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def asked(query, add_version, store):
    """Version 1 is champion; check c1 has found drift and asked for the labels of twelve images, with a picture."""
    add_version(1)
    query(
        "INSERT INTO SNAPSHOT_IMAGES SELECT 'snapshot', 'TRAINING_IMAGES', 'x', 'e', COLUMN1, 'path', 'train', 'c' "
        "FROM VALUES ('hat'), ('shirt')"
    )
    query(
        "INSERT INTO DRIFT_CHECKS (CHECK_ID, RUN_ID, VERSION, CHAMPION_EVENT_SEQ, N_IMAGES, STATISTICS, THRESHOLDS, "
        "VERDICT, ACTION, REASONS, CHECKED_AT) SELECT 'c1', 'r', 1, MAX(EVENT_SEQ), 60, "
        "PARSE_JSON('{\"n_new_labels\": 0}'), PARSE_JSON('{\"min_new_labels\": 2}'), 'DATA_DRIFT', 'REQUEST_LABELS', "
        "PARSE_JSON('[]'), SYSDATE() FROM MODEL_EVENTS"
    )
    for place in range(12):
        path = f"[bold]{place:02d}.png"
        query(
            "INSERT INTO IMAGES SELECT 'INCOMING_IMAGES', %(path)s, 'e', 1, SYSDATE(), '', %(path)s, NULL, NULL, "
            "SYSDATE(), NULL",
            path=path,
        )
        query(
            "INSERT INTO LABEL_REQUESTS SELECT 'c1', 'INCOMING_IMAGES', %(path)s, 'e', 1, %(kind)s, 'hat', 0.4321, "
            "NULL, %(place)s, SYSDATE()",
            path=path,
            kind="random" if place < 4 else "informative",
            place=place + 1,
        )
    store.write("label_requests/c1.png", b"a picture")


def run(capsysbinary, *arguments):
    with pytest.raises(SystemExit) as ended:
        main([*map(str, arguments)])
    written = capsysbinary.readouterr()
    return ended.value.code or 0, written.out.decode(), written.err.decode()


def test_what_waits_is_shown_with_where_its_picture_lies_and_what_follows(capsysbinary, config, asked):
    code, out, _ = run(capsysbinary, "labels", config.name)

    assert code == 0
    assert "check c1 of version 1" in out
    assert "12 images without a label (8 informative, 4 random)" in out
    assert "[bold]00.png" in out
    assert "43%" in out
    assert "… and 2 more" in out
    assert f"their picture: {config.store_url}/label_requests/c1.png" in out
    assert "0 of 2 labels that version 1 has not seen are there for a retraining: 2 more are needed" in out
    assert "the drift of check c1 waits for them; until then nothing is trained" in out


def test_as_json_nothing_is_left_out(capsysbinary, config, asked):
    code, out, _ = run(capsysbinary, "labels", config.name, "--json")

    result = json.loads(out)
    assert code == 0
    assert len(result["open"]) == 12
    assert result["open"][0] == {
        "check_id": "c1",
        "number": 1,
        "stage": "INCOMING_IMAGES",
        "relative_path": "[bold]00.png",
        "etag": "e",
        "version": 1,
        "predicted": "hat",
        "confidence": 0.4321,
        "novelty": None,
        "kind": "random",
        "requested_at": result["open"][0]["requested_at"],
    }
    assert result["readiness"]["n_missing"] == 2
    assert result["readiness"]["open_check_id"] == "c1"


def test_a_list_goes_out_is_filled_in_and_comes_back(capsysbinary, config, asked, query, tmp_path):
    code, out, _ = run(capsysbinary, "labels", config.name, "export", "wanted.csv")
    assert code == 0
    assert "wanted.csv: 12 images to label (8 informative, 4 random)" in out
    assert f"./driftgate labels {config.name} import wanted.csv" in out
    lines = (tmp_path / "wanted.csv").read_text(encoding="utf-8-sig").splitlines()
    assert len(lines) == 13
    (tmp_path / "wanted.csv").write_text("\n".join([lines[0], lines[1] + "hat", lines[5] + "shirt", *lines[2:5]]))

    code, out, _ = run(capsysbinary, "labels", config.name, "import", "wanted.csv")

    assert code == 0
    assert "2 labels are in, 2 of them new; lines without a label: 3" in out
    assert "2 of 2 labels that version 1 has not seen are there for a retraining: that is enough" in out
    assert "the next inference run asks a person whether to retrain, because of the drift of check c1" in out
    assert query("SELECT RELATIVE_PATH, LABEL, SOURCE FROM LABELS ORDER BY 1") == [
        ("[bold]00.png", "hat", "random"),
        ("[bold]04.png", "shirt", "informative"),
    ]
    code, out, _ = run(capsysbinary, "labels", config.name, "import", "wanted.csv", "--json")
    result = json.loads(out)
    assert (result["n_labels"], result["n_new"], result["n_empty"], result["readiness"]["n_missing"]) == (2, 0, 3, 0)


def test_without_a_file_the_list_goes_to_standard_output(capsysbinary, config, asked):
    code, out, _ = run(capsysbinary, "labels", config.name, "export")

    assert code == 0
    assert out.startswith("\ufeffcheck,number,stage,relative_path,")
    assert len(out.splitlines()) == 13


def test_a_wrong_class_is_refused_in_one_line_and_a_new_one_is_meant(capsysbinary, config, asked, query, tmp_path):
    (tmp_path / "a.csv").write_text("relative_path,label\n[bold]00.png,Hat\n", encoding="utf-8")

    code, _, err = run(capsysbinary, "labels", config.name, "import", "a.csv")
    assert code == 1
    assert "error: nobody knows the class 'Hat' (line 2, perhaps 'hat')" in err
    assert query("SELECT COUNT(*) FROM LABELS") == [(0,)]

    code, out, _ = run(capsysbinary, "labels", config.name, "import", "a.csv", "--new-classes")
    assert code == 0
    assert "1 label is in, 1 of them new" in out
    assert "classes that nobody knew: 'Hat'" in out


def test_what_was_replaced_since_it_was_shown_is_told(capsysbinary, config, asked, query, tmp_path):
    query("UPDATE IMAGES SET GONE_AT = SYSDATE() WHERE RELATIVE_PATH = '[bold]00.png'")
    (tmp_path / "a.csv").write_text("check,number,label\nc1,1,hat\nc1,2,hat\n", encoding="utf-8")

    code, out, _ = run(capsysbinary, "labels", config.name, "import", "a.csv")

    assert code == 0
    assert "left out, as the file is gone or another one since it was shown: 1 image ([bold]00.png)" in out


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["import"], 2, "which file? ./driftgate labels"),
        (["import", "nowhere.csv"], 1, "nowhere.csv cannot be read: No such file"),
        (["import", "."], 1, ". cannot be read: Is a directory"),
        (["export", "kept.csv"], 1, "kept.csv exists, perhaps with labels that are not imported yet"),
        (["export", "no/such/folder.csv"], 1, "no/such/folder.csv cannot be written: No such file"),
        (["export", "--json"], 2, "name a FILE"),
        (["list", "a.csv"], 2, "a.csv: say export or import before the file"),
        (["export", "a.csv", "--new-classes"], 2, "--new-classes is for import"),
    ],
)
def test_a_wrong_call_is_told_and_changes_nothing(capsysbinary, config, tmp_path, arguments, code, told):
    (tmp_path / "kept.csv").write_text("mine", encoding="utf-8")

    ended, _, err = run(capsysbinary, "labels", config.name, *arguments)

    assert ended == code
    assert told in err
    assert (tmp_path / "kept.csv").read_text(encoding="utf-8") == "mine"


def test_an_unknown_action_is_a_wrong_call(capsysbinary, config):
    assert run(capsysbinary, "labels", config.name, "wanted.csv")[0] == 2


def test_where_nothing_waits_it_says_so(capsysbinary, config, add_version):
    code, out, _ = run(capsysbinary, "labels", config.name)
    assert code == 0
    assert "no image waits for a label" in out
    assert f"./driftgate train {config.name} trains the first one" in out

    add_version(1)
    assert "no drift waits for labels: the next training takes them" in run(capsysbinary, "labels", config.name)[1]
