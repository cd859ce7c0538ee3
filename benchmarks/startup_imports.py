"""Run a pipeline's inference DAG in this process, and print which heavy libraries it has then, as JSON."""

import json
import sys

from benchmarks.own_airflow import Dags

HEAVY = ("torch", "torchvision", "evidently", "sklearn", "matplotlib")


def main() -> None:
    """Run, and print."""
    Dags(sys.argv[1]).run("inference")
    print(json.dumps([name for name in HEAVY if name in sys.modules]))


if __name__ == "__main__":
    main()
