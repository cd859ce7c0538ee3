"""Where Airflow is, for links in what people are told."""

from airflow.sdk.configuration import conf


def base_url() -> str:
    """Return Airflow's address as people reach it: `[api] base_url`; empty, if that is unset."""
    return str(conf.get("api", "base_url", fallback=None) or "")
