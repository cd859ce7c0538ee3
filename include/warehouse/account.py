"""What a pipeline needs in the account beside its schema: roles, a virtual warehouse, integrations and their grants."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from include.config import PipelineConfig
from include.config_parts import AccountConfig
from include.warehouse.dead_man import alert_emails
from include.warehouse.identifiers import quote_identifier, quote_url
from include.warehouse.names import mail_integration, roles_of
from include.warehouse.statements import Statement

_TOP_ROLE: Final = "ACCOUNTADMIN"
"""The role that has all others."""

_CLOUDS: Final = {"s3": "aws", "s3gov": "aws", "gcs": "gcs", "azure": "azure"}
"""Whose storage a URL's scheme names."""


class StorageIntegration(NamedTuple):
    """A storage integration that stages of a pipeline name."""

    name: str
    cloud: str
    provider: str
    urls: tuple[str, ...]


def account_statements(config: PipelineConfig) -> Iterator[Statement]:
    """Return what an administrator of the account runs, once and whenever the pipeline file has changed."""
    roles = roles_of(config)
    admin = quote_identifier(config.account.admin_role)
    yield Statement("setup/use_role", {"role": admin})
    for name in ("create_warehouse", "create_database", "create_schema"):
        yield Statement(f"setup/{name}")
    purposes = ("sets up", "runs", "reads the answers of")
    for role, purpose in zip(roles, purposes, strict=True):
        told = {"purpose": f"{purpose} the Driftgate pipeline {config.name}"}
        yield Statement("setup/create_role", {"role": role}, told)
    inherited = [(roles.pipeline, roles.owner), (roles.reader, roles.owner), (roles.owner, "SYSADMIN")]
    if admin not in {_TOP_ROLE, "SYSADMIN"}:
        inherited.append((roles.owner, admin))
    for role, to_role in inherited:
        yield Statement("setup/grant_role", {"role": role, "to_role": to_role})
    for role in roles:
        for place in ("warehouse", "database"):
            yield Statement(f"setup/grant_usage_on_{place}", {"role": role})
    for role in (roles.pipeline, roles.reader):
        yield Statement("setup/grant_usage_on_schema", {"role": role})
    yield Statement("setup/grant_monitor_on_warehouse", {"role": roles.owner})
    yield Statement("setup/grant_future_functions", {"role": roles.reader})
    yield from _integration_statements(config, roles.owner)
    for what in ("schema", "tables", "views", "stages"):
        yield Statement(f"setup/own_{what}", {"role": roles.owner})


def storage_integrations(config: PipelineConfig) -> list[StorageIntegration]:
    """Return the storage integrations that the pipeline's stages name, each with the places that it is for."""
    urls: dict[tuple[str, str], list[str]] = {}
    for stage in (config.stages.training, config.stages.incoming):
        if stage.integration is not None and stage.url is not None:
            key = (quote_identifier(stage.integration), stage.url.partition("://")[0])
            urls.setdefault(key, []).append(quote_url(stage.url))
    return [
        StorageIntegration(name, _CLOUDS.get(scheme, scheme), scheme.upper(), tuple(places))
        for (name, scheme), places in urls.items()
    ]


def _integration_statements(config: PipelineConfig, owner: str) -> Iterator[Statement]:
    for integration in storage_integrations(config):
        name = {"integration": integration.name}
        if config.account.integrations == "made":
            yield from _made(integration, config.account)
        yield Statement("setup/grant_usage_on_integration", {**name, "role": owner})
    emails = alert_emails(config)
    if emails:
        yield from _mailing(mail_integration(config), emails, owner)


def _made(integration: StorageIntegration, account: AccountConfig) -> Iterator[Statement]:
    cloud = integration.cloud
    values = {
        "aws": {"aws_role": account.aws_role, "aws_provider": integration.provider},
        "azure": {"azure_tenant": account.azure_tenant},
        "gcs": {},
    }[cloud]
    name, urls = {"integration": integration.name}, {f"{cloud}_urls": list(integration.urls)}
    yield Statement(f"setup/create_{cloud}_integration", name, {**values, **urls})
    yield Statement(f"setup/set_{cloud}_locations", name, urls)


def _mailing(integration: str, emails: Sequence[str], owner: str) -> Iterator[Statement]:
    name = {"integration": integration}
    yield Statement("setup/create_mail_integration", name, {"emails": list(emails)})
    yield Statement("setup/grant_usage_on_integration", {**name, "role": owner})
    yield Statement("setup/grant_execute_alert", {"role": owner})
