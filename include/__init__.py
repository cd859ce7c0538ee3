"""The domain of Driftgate, which knows nothing of Airflow."""
