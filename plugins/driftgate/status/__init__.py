"""The status page: how every classifier is, in Airflow's own frame and under Airflow's own rights."""
