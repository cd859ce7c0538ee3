"""The task that puts the champion into Snowflake's Model Registry, in an environment of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.python import ExternalPythonOperator
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from include.config import PROJECT_ROOT, PipelineConfig, model_registry_python

if TYPE_CHECKING:
    from include.registry.publishing.registry_request import RegistryAnswer


def _publish(path: str) -> dict[str, Any]:
    """Answer a request; run by the other environment's python, which is given the text of this function alone."""
    try:
        from include.registry.publishing.registry_call import answer

        return answer(path)
    except ImportError as error:
        return {"error": f"{error}: the environment is not that of make snowflake-ml"}


class PublishModelOperator(ExternalPythonOperator):
    """Let the registry's champion be the ledger's, whoever that is by now; the ledger stays the truth.

    If this fails, the promotion or the rollback stands, and the registry has the champion that it had: clear the task,
    or wait for the next run.

    The connection's parameters cross over in a file, not in arguments, which Airflow would store as rendered fields.

    Args:
        config: The pipeline file.
        **kwargs: As for any operator.
    """

    template_fields: Sequence[str] = ()

    def __init__(self, *, config: PipelineConfig, **kwargs: Any) -> None:
        super().__init__(
            python=str(model_registry_python()),
            python_callable=_publish,
            expect_airflow=False,
            env_vars={"PYTHONPATH": str(PROJECT_ROOT)},
            **kwargs,
        )
        self.config = config

    def execute(self, context: Context) -> dict[str, Any]:
        """Return the model, and the version that is champion in it.

        Raises:
            AirflowSkipException: There is no champion.
            AirflowFailException: Trying again will not help.
            AirflowException: It may.
        """
        from include.registry.publishing.registry_request import RegistryAnswer

        self._check_python()
        with tempfile.TemporaryDirectory(prefix="driftgate-") as folder:
            path = Path(folder) / "request.json"
            self._write_request(path, context)
            self.op_args = [str(path)]
            answer = RegistryAnswer.from_json(super().execute(context))
        return _published(answer)

    def _check_python(self) -> None:
        if not Path(self.python).is_file():
            raise AirflowFailException(
                f"registry.publish is snowflake, and there is no {self.python}: make it by make snowflake-ml, or let "
                "DRIFTGATE_SNOWFLAKE_ML_PYTHON name the python of an environment with requirements-snowflake-ml.txt"
            )

    def _write_request(self, path: Path, context: Context) -> None:
        from driftgate.hooks import WarehouseHook
        from include.errors import DriftgateError
        from include.registry.publishing.registry_request import RegistryRequest

        try:
            connection = WarehouseHook.for_task(self.config, context).connection_parameters()
        except DriftgateError as error:
            raise AirflowFailException(str(error)) from error
        RegistryRequest(connection, self.config).write(path)

    def _iter_serializable_context_keys(self) -> Iterator[str]:
        """Hand nothing of the context over: to find out how much it could, Airflow lets an import fail into the log."""
        yield from ()


def _published(answer: RegistryAnswer) -> dict[str, Any]:
    if answer.error is not None:
        raise (AirflowException if answer.is_transient else AirflowFailException)(answer.error)
    if answer.version is None:
        raise AirflowSkipException("there is no champion yet")
    return {"model": answer.model, "version": answer.version}
