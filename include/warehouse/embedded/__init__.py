"""A local warehouse that speaks Snowflake's wire protocol."""
