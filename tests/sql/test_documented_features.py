"""What the statements use of Snowflake's SQL is documented by Snowflake: documented_features.yaml says where.

The embedded warehouse accepts more than Snowflake does, so that a statement runs there proves little. This list is read
by people when it changes: whoever uses something new adds it, below the page on which they have read that it exists.
"""

from pathlib import Path

import pytest
import yaml
from features_of_statements import features_of

from include.warehouse.session import SQL_FOLDER

pytestmark = pytest.mark.slow

PAGES: dict[str, list[str]] = yaml.safe_load(
    Path(__file__).with_name("documented_features.yaml").read_text(encoding="utf-8")
)
DOCUMENTED = [feature for features in PAGES.values() for feature in features]


UNREADABLE = {
    "setup/create_mail_integration.sql": (
        "https://docs.snowflake.com/en/sql-reference/sql/create-notification-integration-email"
    ),
}
"""Documented statements that sqlfluff's dialect does not know, and their pages."""


@pytest.fixture(scope="module")
def used() -> dict[str, list[str]]:
    """Each feature that a statement below include/sql uses, with the statements that do."""
    found: dict[str, list[str]] = {}
    for path in sorted(SQL_FOLDER.rglob("*.sql")):
        name = str(path.relative_to(SQL_FOLDER))
        for feature in features_of(path.read_text(encoding="utf-8")) if name not in UNREADABLE else ():
            found.setdefault(feature, []).append(name)
    return found


def test_each_feature_has_its_page(used: dict[str, list[str]]) -> None:
    undocumented = [f"{feature} ({', '.join(used[feature][:3])})" for feature in sorted(used.keys() - {*DOCUMENTED})]

    assert undocumented == []


def test_no_feature_is_listed_that_nothing_uses(used: dict[str, list[str]]) -> None:
    assert sorted({*DOCUMENTED} - used.keys()) == []


def test_each_feature_is_listed_once_below_a_page_of_snowflakes_documentation() -> None:
    assert sorted(DOCUMENTED) == sorted({*DOCUMENTED})
    assert [page for page in PAGES if not page.startswith("https://docs.snowflake.com/en/")] == []


@pytest.mark.parametrize(
    ("sql", "features"),
    [
        ("SELECT SHA2(A)::VARCHAR(9) FROM T QUALIFY 1 < 2", {"query: QUALIFY", "function SHA2", "type VARCHAR"}),
        ("DELETE FROM T WHERE A IN (SELECT B FROM U)", {"statement DELETE", "DELETE: WHERE", "query: SELECT"}),
        ("CREATE STAGE S DIRECTORY = (ENABLE = TRUE)", {"statement CREATE STAGE", "CREATE STAGE: DIRECTORY"}),
    ],
)
def test_what_a_statement_uses_is_found(sql: str, features: set[str]) -> None:
    assert features <= features_of(sql)


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_is_excepted_is_still_unknown_to_the_dialect(name: str) -> None:
    with pytest.raises(ValueError, match="cannot parse"):
        features_of((SQL_FOLDER / name).read_text(encoding="utf-8"))


def test_what_is_no_statement_is_an_error() -> None:
    with pytest.raises(ValueError, match="cannot parse"):
        features_of("SELECT FROM WHERE")
