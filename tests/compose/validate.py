"""Validate docker-compose.yaml, and say by what: `python -m tests.compose.validate`.

Docker Compose itself where it is installed, else Debian's docker-compose; and the Compose Specification's JSON schema
where the package check-jsonschema brings it. At least one of them must be there. Always checked are the rules of
tests/compose/rules.py.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata, util
from pathlib import Path
from typing import NamedTuple

from jsonschema import validators

from include.config import PROJECT_ROOT
from tests.compose.compose_file import ComposeFile, MissingVariableError, read_env_file
from tests.compose.rules import broken_rules

COMPOSE_FILE = PROJECT_ROOT / "docker-compose.yaml"
ENV_EXAMPLE = PROJECT_ROOT / ".env.example"
_COMMANDS = (("docker", "compose"), ("docker-compose",))
_PATIENCE_S = 60


class Finding(NamedTuple):
    """What one validator says."""

    validator: str
    problems: list[str]


def placeholders(example: Mapping[str, str]) -> dict[str, str]:
    """Return a value for each variable of .env.example, for those to fill in too."""
    return {
        name: value or ("/srv/images" if name.endswith("FOLDER") else "placeholder") for name, value in example.items()
    }


def by_command(
    path: Path, variables: Mapping[str, str], commands: Sequence[Sequence[str]] = _COMMANDS
) -> Finding | None:
    """Validate by the first Docker Compose that is installed; None if there is none."""
    for command in commands:
        program = shutil.which(command[0])
        version = _run([*command, "version", "--short"]) if program else None
        if version is None or version.returncode != 0:
            continue
        done = _run([*command, "--file", str(path), "config", "--quiet"], variables)
        name = f"{' '.join(command)} {version.stdout.strip()}"
        return Finding(name, [] if done.returncode == 0 else [done.stderr.strip() or f"exit code {done.returncode}"])
    return None


def by_schema(compose: ComposeFile) -> Finding | None:
    """Validate by the Compose Specification's schema; None if the package that brings it is not installed."""
    package = util.find_spec("check_jsonschema")
    if package is None or package.origin is None:
        return None
    schema = Path(package.origin).parent / "builtin_schemas" / "vendor" / "compose-spec.json"
    content = json.loads(schema.read_text(encoding="utf-8"))
    validator = validators.validator_for(content)(content)
    problems = [
        f"{'.'.join(map(str, error.absolute_path))}: {error.message}"
        for error in validator.iter_errors(compose.content)
    ]
    return Finding(
        f"the Compose Specification's schema (check-jsonschema {metadata.version('check-jsonschema')})", problems
    )


def validate(path: Path, example: Path) -> list[Finding]:
    """Return what each validator says, the rules last."""
    compose, known = ComposeFile.read(path), read_env_file(example)
    variables = placeholders(known)
    rules = broken_rules(compose, known)
    findings = [by_command(path, variables)]
    try:
        findings.append(by_schema(compose.filled_in(variables)))
    except MissingVariableError as error:
        rules.append(str(error))
    return [*filter(None, findings), Finding("our own rules", rules)]


def main(arguments: list[str] | None = None) -> int:
    """Return the exit code: 1 if something is wrong, or nothing is there to validate the format by."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.compose.validate", description="Validate docker-compose.yaml."
    )
    parser.add_argument("path", nargs="?", type=Path, default=COMPOSE_FILE)
    parser.add_argument("--env-example", type=Path, default=ENV_EXAMPLE)
    options = parser.parse_args(arguments)
    findings = validate(options.path, options.env_example)
    for finding in findings:
        told = f"{options.path.name}: {'not ' if finding.problems else ''}valid by {finding.validator}"
        sys.stdout.write("\n  ".join([told, *finding.problems]) + "\n")
    if len(findings) == 1:
        sys.stdout.write(
            f"{options.path.name}: nothing here knows its format: install Docker Compose "
            "(apt-get install docker-compose), or the package check-jsonschema\n"
        )
    return int(len(findings) == 1 or any(finding.problems for finding in findings))


def _run(command: Sequence[str], variables: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **(variables or {})}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_PATIENCE_S, check=False)


if __name__ == "__main__":
    sys.exit(main())
