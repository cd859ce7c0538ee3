-- By this Snowflake sends mails, to these addresses alone. Made anew, as there may be others since. sqlfluff knows
-- notification integrations of queues, and not yet those that mail.
-- Bound: emails; identifiers: integration
-- noqa: disable=PRS
CREATE OR REPLACE NOTIFICATION INTEGRATION {integration}
TYPE = EMAIL
ENABLED = TRUE
ALLOWED_RECIPIENTS = (%(emails)s)
