"""The verb `backtest`, as a person and a program call it."""

import json

import pytest

from include.commands.app import main
from include.models.baseline import CONFIDENCE_EDGES, Baseline, count_confidences
from include.registry.ledger import NO_CHAMPION_SEQ, promote, register

CLASSES = ("a", "b")


@pytest.fixture(autouse=True)
def here(place_pipeline, warehouse):
    """The pipeline's file, its warehouse in the environment, and no local instance."""
    place_pipeline(drift={"window": 40})


@pytest.fixture
def past(warehouse, config, query):
    """A sure champion that has become unsure: forty sure answers, and forty unsure ones."""
    held_out = [0.8 + 0.0006 * place for place in range(300)]
    predicted = [CLASSES[place % 2] for place in range(300)]
    counts = count_confidences(held_out, predicted, classes=CLASSES)
    right = count_confidences(held_out[30:], predicted[30:], classes=CLASSES)
    version = register(
        warehouse,
        config=config,
        snapshot_id="s",
        metrics={},
        n_training_images=1,
        artifact_path="a/",
        sha256="a",
        temperature=1.0,
        baseline=Baseline(edges=CONFIDENCE_EDGES, counts_by_class=counts, image_statistics={}, right_by_class=right),
        run_id="training",
    )
    promote(warehouse, version=version, expected_event_seq=NO_CHAMPION_SEQ, reason="", run_id="training")
    query("UPDATE MODEL_EVENTS SET AT = '2026-03-01 00:00:00'::TIMESTAMP_NTZ")
    query(
        "INSERT INTO PREDICTIONS (STAGE, RELATIVE_PATH, ETAG, VERSION, TYPE, CONFIDENCE, SCORES, PRED_TIMESTAMP, "
        "RUN_ID, COMMIT_SEQ, IS_FIRST) SELECT 'INCOMING_IMAGES', ROW_.INDEX || '.png', 'e', %(version)s, "
        "IFF(MOD(ROW_.INDEX, 2) = 0, 'a', 'b'), ROW_.VALUE::FLOAT, PARSE_JSON('[]'), "
        "DATEADD(HOUR, ROW_.INDEX, '2026-03-01 00:00:00'::TIMESTAMP_NTZ), 'r', ROW_.INDEX + 1, TRUE "
        "FROM TABLE(FLATTEN(INPUT => PARSE_JSON(%(confidences)s))) AS ROW_",
        version=version,
        confidences=json.dumps([held_out[place * 7] for place in range(40)] + [0.5 + 0.004 * p for p in range(40)]),
    )


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main(["backtest", *arguments])
    return ended.value.code or 0, capsys.readouterr()


@pytest.fixture
def blunt(tmp_path):
    path = tmp_path / "blunt.yaml"
    path.write_text("drift: {min_accuracy_drop: 1}", encoding="utf-8")
    return str(path)


def test_it_shows_both_policies_side_by_side_and_what_the_figures_rest_on(capsys, config, past, blunt, query):
    code, told = run(capsys, config.name, "--policy", blunt, "--onset", "2026-03-02T16:00")

    assert code == 0
    rows = {
        line.rsplit(maxsplit=2)[0].strip(): line.split()[-2:] for line in told.out.splitlines() if len(line.split()) > 2
    }
    assert rows[config.name] == ["today", "proposed"]
    assert rows["answers in a window"] == ["40", "40"]
    assert rows["alarms"] == rows["DATA_DRIFT"] == rows["label requests"] == ["1", "0"]
    assert "39.0 hours" in told.out
    assert "not detected" in told.out
    assert "the onset was given as 2026-03-02 16:00 UTC" in told.out
    assert "the replay goes on with the champion that there was" in told.out
    [row] = query("SELECT RUN_ID, KIND, CONFIG:drift:min_accuracy_drop::FLOAT, REASON, OUTCOME FROM RUNS")
    assert row[1:4] == ("backtest", 1.0, "the policy of blunt.yaml")
    assert row[4].startswith("replayed today: 2 windows of 40, 1 alarms")
    assert row[0] in told.out


def test_it_writes_json_and_nothing_else(capsys, config, past, blunt):
    code, told = run(capsys, config.name, "--policy", blunt, "--since", "2026-03-02T16:00", "--json")

    assert code == 0
    done = json.loads(told.out)
    today, proposed = done["policies"]["today"], done["policies"]["proposed"]
    assert (today["n_windows"], today["n_alarms"], today["n_label_requests"], proposed["n_alarms"]) == (1, 1, 1, 0)
    assert today["alarms"][0]["verdict"] == "DATA_DRIFT"
    assert (done["onset"], today["detection"]) == (None, None)
    assert "no known onset" in told.err


def test_without_a_file_todays_policy_is_replayed(capsys, config, past):
    code, told = run(capsys, config.name, "--json")

    assert code == 0
    assert list(json.loads(told.out)["policies"]) == ["today"]


def test_without_a_past_it_says_so(capsys, config):
    code, told = run(capsys, config.name)

    assert code == 0
    assert "no window is full" in told.out


def test_a_wrong_policy_file_is_refused_in_a_line(capsys, config, tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text("gate: {min_accuracy: 0.1}", encoding="utf-8")

    code, told = run(capsys, config.name, "--policy", str(path))

    assert code == 1
    assert "gate: is no part of a policy, which has drift, promotion, retraining, images" in " ".join(told.err.split())


def test_its_help_has_an_example_of_a_file_and_of_a_call(capsys):
    code, told = run(capsys, "--help")

    assert code == 0
    assert "drift: {window: 500, false_alarm_rate: 0.001}" in told.out
    assert "./driftgate backtest digits --policy calmer.yaml" in told.out
