"""What the fields of a pipeline file may hold, where that is more than a number or a text."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, PlainSerializer, SecretStr, StringConstraints

PROJECT_ROOT = Path(__file__).resolve().parent.parent

_RESERVED_WORDS = """
ACCOUNT ALL ALTER AND ANY AS BETWEEN BY CASE CAST CHECK COLUMN CONNECT CONNECTION CONSTRAINT CREATE CROSS CURRENT
CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER DATABASE DELETE DISTINCT DROP ELSE EXISTS FALSE FOLLOWING FOR
FROM FULL GRANT GROUP GSCLUSTER HAVING ILIKE IN INCREMENT INNER INSERT INTERSECT INTO IS ISSUE JOIN LATERAL LEFT LIKE
LOCALTIME LOCALTIMESTAMP MINUS NATURAL NOT NULL OF ON OR ORDER ORGANIZATION QUALIFY REGEXP REVOKE RIGHT RLIKE ROW ROWS
SAMPLE SCHEMA SELECT SET SOME START TABLE TABLESAMPLE THEN TO TRIGGER TRUE TRY_CAST UNION UNIQUE UPDATE USING VALUES
VIEW WHEN WHENEVER WHERE WITH
"""
"""https://docs.snowflake.com/en/sql-reference/reserved-keywords."""


def not_reserved(name: str) -> str:
    """Refuse a reserved word, which could only stand in quotes."""
    if name in _RESERVED_WORDS.split():
        raise ValueError(f"{name} is a reserved word of Snowflake")
    return name


Identifier = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,254}$", to_upper=True), AfterValidator(not_reserved)
]
"""A Snowflake identifier that needs no quotes, in upper case, as Snowflake stores it."""

STAGE_URL = re.compile(r"(file:///|(s3|s3gov|gcs|azure)://)[^'\\{}%\s]*/")
"""What stands between quotes in a statement: no quotes, spaces, braces or percent signs, and a slash at the end."""


def _stage_url(url: str) -> str:
    """Complete a stage's URL: a file's path is read from the project's root, and a folder ends with a slash.

    Without that slash Snowflake takes all files whose path starts so, and opens none of them.
    """
    path = url.removeprefix("file://")
    if path != url and not path.startswith("/"):
        url = f"file://{PROJECT_ROOT}/{path}"
    url = url if url.endswith("/") else f"{url}/"
    if not STAGE_URL.fullmatch(url):
        raise ValueError(
            f"{url} is not file://, s3://, s3gov://, gcs:// or azure:// and a path without spaces, quotes, braces and %"
        )
    return url


StageUrl = Annotated[str, AfterValidator(_stage_url)]

_STAGE_PREFIX = re.compile(r"(?!/)(?!.*(?:^|/)\.\.?/)(?:[^'\\{}%\x00-\x1f/]+/)*")


def _stage_prefix(prefix: str) -> str:
    """Complete a folder below a stage: it ends with a slash."""
    prefix = prefix if not prefix or prefix.endswith("/") else f"{prefix}/"
    if not _STAGE_PREFIX.fullmatch(prefix):
        raise ValueError(f"{prefix} is not a folder below a stage, like new/2026/, without quotes, braces, % and ..")
    return prefix


StagePrefix = Annotated[str, AfterValidator(_stage_prefix)]

_EMAIL = r"^[^@\s<>,;:\"\\]+@[^@\s<>,;:\"\\]+$"
Email = Annotated[str, StringConstraints(pattern=_EMAIL, max_length=254)]
"""A mail address, as a header takes it: one @, and nothing that a header reads as more than an address."""

AwsRole = Annotated[str, StringConstraints(pattern=r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+$")]
"""The name of an IAM role, as AWS writes it."""

AzureTenant = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")]
"""The id of a tenant of Azure."""

ENVIRONMENT = "env:"
"""How an entry begins that names a variable of the environment instead of a URL."""
_ENVIRONMENT_ENTRY = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*")
_NOTIFY_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://\S+")


def shown_url(url: SecretStr) -> str:
    """Return what may be shown and stored of a URL to which alerts go: its scheme, or the variable that holds it."""
    text = url.get_secret_value()
    return text if text.startswith(ENVIRONMENT) else f"{text.partition('://')[0]}://…"


def _notify_url(url: SecretStr) -> SecretStr:
    """Refuse what cannot be a URL; whether Apprise knows its service takes it a second, and is found at delivery."""
    text = url.get_secret_value()
    if not (_ENVIRONMENT_ENTRY.fullmatch(text) or _NOTIFY_URL.fullmatch(text)):
        raise ValueError(
            "should be a URL as Apprise knows them (slack://…, msteams://…, json://…) without spaces, or env:NAME"
        )
    return url


NotifyUrl = Annotated[SecretStr, AfterValidator(_notify_url), PlainSerializer(shown_url)]
"""A URL to which alerts go. It holds a secret: what is stored with a run and a version is its scheme alone."""

UserName = Annotated[
    str, StringConstraints(pattern=r"^[^\s\x00-\x1f](?:[^\x00-\x1f]*[^\s\x00-\x1f])?$", max_length=256)
]
"""What a user of Airflow is called: one line."""

_PRESETS = frozenset({"@once", "@continuous", "@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly"})


def _valid_schedule(schedule: str) -> str:
    """Refuse a schedule here, where the file and the field can be named, and not when the DAG is made."""
    from croniter import croniter  # only for those that set one

    if schedule not in _PRESETS and not croniter.is_valid(schedule):
        raise ValueError(f"not a cron expression like '0 * * * *', null, or one of {', '.join(sorted(_PRESETS))}")
    return schedule


def _valid_weights(weights: str) -> str:
    if weights not in {"none", "DEFAULT"} and not weights.endswith(".safetensors"):
        raise ValueError("should be none, DEFAULT, or a file that ends with .safetensors")
    return weights


def _pattern(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return pattern


def _pattern_of_both(pattern: str) -> str:
    """Refuse a pattern that Snowflake, which has POSIX extended expressions, does not know or reads differently."""
    foreign = re.search(r"\(\?(?!P<)|[*+?}][?+]|\\[AZ1-9]", pattern)
    if foreign:
        raise ValueError(
            f"Snowflake's expressions have no {foreign.group()!r}; only (?P<name>…) is translated for them"
        )
    return pattern


Pattern = Annotated[str, AfterValidator(_pattern)]
PatternOfBoth = Annotated[str, AfterValidator(_pattern), AfterValidator(_pattern_of_both)]
Schedule = Annotated[str, AfterValidator(_valid_schedule)]
Weights = Annotated[str, AfterValidator(_valid_weights)]
