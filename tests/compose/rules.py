"""What docker-compose.yaml holds to beyond its format: a rule is a function that returns a line for each breach."""

import re
from collections.abc import Mapping
from typing import Any

from tests.compose.compose_file import ComposeFile

_SECRET_NAME = re.compile(r"PASSWORD|PASSWD|SECRET|TOKEN|FERNET|CREDENTIAL|PRIVATE|AUTH$|(^|_)KEY(_|$)", re.IGNORECASE)
_NAME_OF_A_FILE = re.compile(r"_FILE$", re.IGNORECASE)
_REQUIRED = re.compile(r"\$\{[A-Z_]+:\?[^}]*\}")
_PASSWORD_IN_URL = re.compile(r"\w+://[^\s:/@]*:(?P<password>[^@\s]*)@")
_SECRET_IN_JSON = re.compile(
    r'"(?:password|private_key\w*|token|secret\w*)"\s*:\s*"(?P<password>[^"]*)"', re.IGNORECASE
)
_ONE_SHOT = frozenset({"init", "driftgate"})


def literal_secrets(compose: ComposeFile) -> list[str]:
    """A secret comes from a variable that must be set: none stands in the file, and none has a default."""
    found = []
    for name, service in compose.services.items():
        pairs = [*compose.environment(name).items(), *_build_arguments(service).items()]
        for variable, value in pairs:
            is_secret = _SECRET_NAME.search(variable) and not _NAME_OF_A_FILE.search(variable)
            if is_secret and value not in {"True", "False"} and not _REQUIRED.fullmatch(value):
                found.append(f"{name}: {variable} is not a variable that must be set (${{NAME:?…}})")
            found += [f"{name}: {variable} has a literal password" for _ in _literal_passwords(value)]
        for text in _words(service.get("command")) + _words(service.get("entrypoint")):
            found += [f"{name}: its command has a literal password" for _ in _literal_passwords(text)]
    for variable, operators in compose.variables().items():
        if _SECRET_NAME.search(variable) and operators != {":?"}:
            found.append(f"${{{variable}}} is a secret, and may be unset: write ${{{variable}:?…}}")
    return found


def secrets_in_commands(compose: ComposeFile) -> list[str]:
    """What is among the arguments of a process is in everybody's list of processes."""
    return [
        f"{name}: ${{{variable}}} is an argument of its command, which everybody on the machine can see"
        for name, service in compose.services.items()
        for variable in ComposeFile({"command": _words(service.get("command"))}).variables()
        if _SECRET_NAME.search(variable)
    ]


def unchecked_services(compose: ComposeFile) -> list[str]:
    """A service says when it is well, or ends by itself."""
    found = []
    for name, service in compose.services.items():
        if name in _ONE_SHOT:
            if service.get("restart") != "no":
                found.append(f"{name}: runs once, and would be restarted for ever")
        elif not (service.get("healthcheck") or {}).get("test"):
            found.append(f"{name}: has no healthcheck")
    return found


def open_ports(compose: ComposeFile) -> list[str]:
    """What is published is published on this machine alone."""
    return [
        f"{name}: port {port!r} is not on 127.0.0.1"
        for name, service in compose.services.items()
        for port in service.get("ports") or []
        if not _is_of_this_machine(port)
    ] + [f"{name}: is on the host's network" for name, s in compose.services.items() if s.get("network_mode") == "host"]


def fixed_workers(compose: ComposeFile) -> list[str]:
    """A service with a name or a port of its own cannot be there twice (--scale worker=N)."""
    worker = compose.services.get("worker", {})
    return [
        f"worker: has {key}, and cannot be scaled" for key in ("container_name", "ports", "hostname") if key in worker
    ]


def images_not_built_once(compose: ComposeFile) -> list[str]:
    """What two services build under one name is exported twice at once, and the second export fails."""
    builders: dict[str, list[str]] = {}
    for name, service in compose.services.items():
        if "build" in service:
            builders.setdefault(service.get("image", name), []).append(name)
    return [f"{image}: is built by {' and '.join(names)}" for image, names in builders.items() if len(names) > 1] + [
        f"{name}: nobody builds {service['image']}, and it may not be pulled"
        for name, service in compose.services.items()
        if service.get("pull_policy") == "never" and service["image"] not in builders
    ]


def unknown_variables(compose: ComposeFile, example: Mapping[str, str]) -> list[str]:
    """.env.example has each variable of the file, and no other; secrets are empty there."""
    used = compose.variables()
    return [
        *[f"${{{name}}} is not in .env.example" for name in sorted(set(used) - set(example))],
        *[f"{name} of .env.example is not in docker-compose.yaml" for name in sorted(set(example) - set(used))],
        *[
            f"{name} has a value in .env.example"
            for name, value in example.items()
            if value and _SECRET_NAME.search(name)
        ],
    ]


def dangling_names(compose: ComposeFile) -> list[str]:
    """What a service waits for, and where it keeps things, is there."""
    found = []
    volumes = set(compose.content.get("volumes") or {})
    for name, service in compose.services.items():
        for other, wanted in (service.get("depends_on") or {}).items():
            if other not in compose.services:
                found.append(f"{name}: waits for {other}, which is no service")
            elif wanted["condition"] == "service_healthy" and not compose.services[other].get("healthcheck"):
                found.append(f"{name}: waits for the health of {other}, which has no healthcheck")
            elif wanted["condition"] == "service_completed_successfully" and other not in _ONE_SHOT:
                found.append(f"{name}: waits for the end of {other}, which never ends")
        sources = [volume.partition(":")[0] for volume in service.get("volumes") or []]
        found += [
            f"{name}: {source} is no volume" for source in sources if source[0] not in "./$" and source not in volumes
        ]
    return found


def broken_rules(compose: ComposeFile, example: Mapping[str, str]) -> list[str]:
    """Return a line for each breach of each rule."""
    of_file = (
        literal_secrets,
        secrets_in_commands,
        unchecked_services,
        open_ports,
        fixed_workers,
        images_not_built_once,
        dangling_names,
    )
    return [line for rule in of_file for line in rule(compose)] + unknown_variables(compose, example)


def _literal_passwords(text: str) -> list[str]:
    matches = [*_PASSWORD_IN_URL.finditer(text), *_SECRET_IN_JSON.finditer(text)]
    return [match["password"] for match in matches if match["password"] and not _REQUIRED.fullmatch(match["password"])]


def _is_of_this_machine(port: Any) -> bool:
    if isinstance(port, Mapping):
        return port.get("host_ip") == "127.0.0.1"
    return str(port).startswith("127.0.0.1:") and str(port).count(":") >= 2


def _build_arguments(service: Mapping[str, Any]) -> dict[str, str]:
    build = service.get("build")
    given = (build.get("args") or {}) if isinstance(build, Mapping) else {}
    return {name: str(value) for name, value in given.items()}


def _words(command: Any) -> list[str]:
    return [command] if isinstance(command, str) else [str(word) for word in command or []]
