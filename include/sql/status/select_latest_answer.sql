-- When an image was answered for the first time, the last time that happened; null: never.
SELECT MAX(PRED_TIMESTAMP) AS AT FROM FIRST_ANSWERS
