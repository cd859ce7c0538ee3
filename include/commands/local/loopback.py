"""The name under which Airflow's processes on a laptop know their machine."""


def hostname() -> str:
    """Return the loopback address: asking the network for a name takes seconds, or a VPN changes it within a run."""
    return "127.0.0.1"
