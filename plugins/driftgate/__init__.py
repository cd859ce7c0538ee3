"""The Airflow side of Driftgate."""
