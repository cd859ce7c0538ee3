"""What cannot be bound passes an allow-list, or is refused."""

import pytest

from include.errors import WarehouseError
from include.warehouse.identifiers import quote_identifier, quote_url, stage_location, with_identifiers


def test_identifiers_stand_in_upper_case() -> None:
    assert quote_identifier("clothing_2") == "CLOTHING_2"
    assert stage_location("models", "ab12/card.json") == "@MODELS/ab12/card.json"


@pytest.mark.parametrize("name", ["", "1A", "A B", 'A"', "A;DROP TABLE X", "Ä", "A.B", "A" * 256])
def test_other_identifiers_are_refused(name: str) -> None:
    with pytest.raises(WarehouseError, match="is not an identifier"):
        quote_identifier(name)


@pytest.mark.parametrize("path", ["../x", "a/../b", "/a", "a//b", "a b", "a'b", ".", "a/.", "%2e%2e/a", "a\nb"])
def test_paths_that_leave_the_stage_or_need_quotes_are_refused(path: str) -> None:
    with pytest.raises(WarehouseError, match="is not a path"):
        stage_location("WORK", path)


@pytest.mark.parametrize(
    "url", ["http://x/", "s3://a'b/", "s3://a b/", "file:///a%2e/", "s3://a{b}/", "s3://a\n/", "s3://a"]
)
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(WarehouseError, match="is not a URL"):
        quote_url(url)


def test_a_placeholder_without_a_value_is_refused() -> None:
    with pytest.raises(WarehouseError, match="'stage'"):
        with_identifiers("ALTER STAGE {stage} REFRESH", {})
