-- A verdict.
-- Bound: check_id, run_id, version, champion_event_seq, first_commit_seq, last_commit_seq, n_images, statistics,
-- thresholds, verdict, action, reasons, report_path, signal, score, threshold, p_value, smallest_shift,
-- estimated_accuracy, evidence
INSERT INTO DRIFT_CHECKS (
    CHECK_ID, RUN_ID, VERSION, CHAMPION_EVENT_SEQ, FIRST_COMMIT_SEQ, LAST_COMMIT_SEQ, N_IMAGES, STATISTICS, THRESHOLDS,
    VERDICT, ACTION, REASONS, REPORT_PATH, CHECKED_AT, SIGNAL, SCORE, THRESHOLD, P_VALUE, SMALLEST_SHIFT,
    ESTIMATED_ACCURACY, EVIDENCE
)
SELECT
    %(check_id)s,
    %(run_id)s,
    %(version)s,
    %(champion_event_seq)s,
    %(first_commit_seq)s,
    %(last_commit_seq)s,
    %(n_images)s,
    PARSE_JSON(%(statistics)s),
    PARSE_JSON(%(thresholds)s),
    %(verdict)s,
    %(action)s,
    PARSE_JSON(%(reasons)s),
    %(report_path)s,
    SYSDATE(),
    %(signal)s,
    %(score)s,
    %(threshold)s,
    %(p_value)s,
    %(smallest_shift)s,
    %(estimated_accuracy)s,
    PARSE_JSON(%(evidence)s)
