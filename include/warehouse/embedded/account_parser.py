"""The parser of the statements about roles, grants, virtual warehouses, integrations and alerts."""

import re
from collections.abc import Callable
from typing import Final, Literal, cast

from include.warehouse.embedded.account_sql import (
    AccountStatement,
    AlterObject,
    CreateObject,
    DescribeObject,
    DropObject,
    GrantPrivileges,
    GrantRole,
    Name,
    ObjectKind,
    Securable,
    ShowGrants,
    ShowObjects,
)
from include.warehouse.embedded.errors import syntax_error
from include.warehouse.embedded.stage_sql import IDENTIFIER, Option, unquoted
from include.warehouse.embedded.statement_parser import END, LEADING_COMMENTS, StatementParser

_KIND: Final = r"(ROLE|WAREHOUSE|((API|NOTIFICATION|SECURITY|STORAGE)\s+)?INTEGRATION|ALERT)"
_STARTS_LIKE_ONE: Final = re.compile(
    rf"(CREATE\s+(OR\s+REPLACE\s+)?{_KIND}|(ALTER|DROP|DESC|DESCRIBE)\s+{_KIND}|SHOW\s+{_KIND}S|GRANT|REVOKE"
    r"|SHOW\s+(FUTURE\s+)?GRANTS)(\s|;|/\*|--|\Z)",
    re.IGNORECASE,
)
_CATEGORIES: Final = ("API", "NOTIFICATION", "SECURITY", "STORAGE")
_CONTAINERS: Final = ("SCHEMA", "DATABASE")


def parse_account_statement(sql: str) -> AccountStatement | None:
    """Return the parsed statement, or None if it is about something else.

    Raises:
        SnowflakeError: It is about the account, and is wrong (001003).
    """
    if not _STARTS_LIKE_ONE.match(LEADING_COMMENTS.sub("", sql)):
        return None
    return _Parser(sql).statement()


class _Parser(StatementParser):
    """Recursive descent over the tokens of one statement about the account."""

    def statement(self) -> AccountStatement:
        parsers: dict[str, Callable[[], AccountStatement]] = {
            "CREATE": self._create,
            "ALTER": self._alter,
            "DROP": self._drop,
            "DESC": self._describe,
            "DESCRIBE": self._describe,
            "SHOW": self._show,
            "GRANT": self._grant,
            "REVOKE": self._revoke,
        }
        return self._parsed_by_verb(parsers)

    def _create(self) -> CreateObject:
        replace = self._accept("OR", "REPLACE")
        kind, category = self._kind()
        if_not_exists = self._accept("IF", "NOT", "EXISTS")
        name = self._name()
        options: dict[str, Option] = {}
        while self._peek() is not END and not self._peek().is_word("IF"):
            self._accept("WITH")
            options.update(self._option())
        if category:
            options["CATEGORY"] = category
        return CreateObject(kind, name, replace, if_not_exists, options, self._rest() if kind == "ALERT" else "")

    def _rest(self) -> str:
        """Return the text of an alert from its IF on."""
        if not self._peek().is_word("IF"):
            raise self._unexpected()
        body = self._sql[self._peek().start :].strip().rstrip(";")
        while self._next() is not END:
            pass
        return body

    def _alter(self) -> AlterObject:
        kind, _ = self._kind()
        if_exists = self._accept("IF", "EXISTS")
        name = self._name()
        for action in ("SUSPEND", "RESUME"):
            if self._accept(action):
                self._accept("IF", "SUSPENDED")
                return AlterObject(kind, name, if_exists, action)
        self._expect("SET")
        return AlterObject(kind, name, if_exists, "SET", self._options())

    def _drop(self) -> DropObject:
        kind, _ = self._kind()
        if_exists = self._accept("IF", "EXISTS")
        return DropObject(kind, self._name(), if_exists)

    def _describe(self) -> DescribeObject:
        kind, _ = self._kind()
        return DescribeObject(kind, self._name())

    def _kind(self, plural: str = "") -> tuple[ObjectKind, str | None]:
        """Read a kind of object; `plural` ends its last word."""
        category = next((word for word in _CATEGORIES if self._accept(word)), None)
        for kind in ("ROLE", "WAREHOUSE", "INTEGRATION", "ALERT"):
            if self._accept(f"{kind}{plural}"):
                return kind, category
        raise self._unexpected()

    def _show(self) -> ShowObjects | ShowGrants:
        if self._accept("GRANTS"):
            return self._show_grants()
        if self._accept("FUTURE"):
            self._expect("GRANTS")
            self._expect("IN")
            return ShowGrants("future", self._word(*_CONTAINERS), self._name())
        kind, category = self._kind("S")
        like = self._value() if self._accept("LIKE") else None
        if not self._accept("IN"):
            return ShowObjects(kind, like, category=category)
        if self._accept("ACCOUNT"):
            return ShowObjects(kind, like, everywhere=True, category=category)
        self._accept("SCHEMA") or self._accept("DATABASE")
        return ShowObjects(kind, like, self._name(), category=category)

    def _show_grants(self) -> ShowGrants:
        if self._accept("ON"):
            kind = self._securable_kind()
            return ShowGrants("on", kind, () if kind == "ACCOUNT" else self._name())
        if self._accept("OF"):
            self._expect("ROLE")
            return ShowGrants("of", "ROLE", self._name())
        if self._accept("TO"):
            kind = self._word("ROLE", "USER")
            return ShowGrants("to", kind, self._name())
        return ShowGrants("session")

    def _grant(self, *, revoke: bool = False) -> GrantPrivileges | GrantRole:
        self._accept("GRANT", "OPTION", "FOR")
        if self._accept("ROLE"):
            role = self._single_name()
            self._expect("FROM" if revoke else "TO")
            to = cast("Literal['ROLE', 'USER']", self._word("ROLE", "USER"))
            return GrantRole(role, to, self._single_name(), revoke)
        privileges = self._privileges()
        on = self._securable()
        self._expect("FROM" if revoke else "TO")
        self._accept("ROLE")
        role = self._single_name()
        with_grant_option = self._accept("WITH", "GRANT", "OPTION")
        keep_grants = self._accept("COPY", "CURRENT", "GRANTS")
        self._accept("REVOKE", "CURRENT", "GRANTS")
        for word in ("RESTRICT", "CASCADE"):
            self._accept(word)
        return GrantPrivileges(privileges, on, role, with_grant_option, revoke, keep_grants)

    def _revoke(self) -> GrantPrivileges | GrantRole:
        return self._grant(revoke=True)

    def _privileges(self) -> tuple[str, ...]:
        privileges: list[str] = []
        words: list[str] = []
        while not self._accept("ON"):
            if self._peek().is_mark(","):
                self._next()
                privileges.append(" ".join(words))
                words = []
            else:
                words.append(self._value().upper())
        privileges.append(" ".join(words))
        return tuple("ALL" if name == "ALL PRIVILEGES" else name for name in privileges)

    def _securable(self) -> Securable:
        for extent in ("ALL", "FUTURE"):
            if self._accept(extent):
                kind = self._securable_kind(plural=True)
                self._expect("IN")
                container = self._word(*_CONTAINERS)
                return Securable(kind, self._name(), cast("Literal['all', 'future']", extent.lower()), container)
        kind = self._securable_kind()
        return Securable(kind, () if kind == "ACCOUNT" else self._name())

    def _securable_kind(self, *, plural: bool = False) -> str:
        if self._accept("FILE"):
            self._expect("FORMATS" if plural else "FORMAT")
            return "FILE FORMAT"
        kind = self._value().upper()
        return kind.removesuffix("S") if plural else kind

    def _word(self, *words: str) -> str:
        for word in words:
            if self._accept(word):
                return word
        raise self._unexpected()

    def _name(self) -> Name:
        """Read a name; a function's has the types of its arguments behind it, which stay with it."""
        text = self._value()
        parts = IDENTIFIER.findall(text)
        if not parts or ".".join(parts) != text:
            raise syntax_error(f"'{text}' is not a name")
        *qualifiers, last = (unquoted(part) for part in parts)
        return (*qualifiers, last + self._arguments())

    def _arguments(self) -> str:
        if not self._peek().is_mark("("):
            return ""
        text = ""
        while not text.endswith(")"):
            token = self._next()
            if token is END:
                raise self._unexpected()
            text += f"{token.text.upper()} " if token.is_mark(",") else token.text.upper()
        return text

    def _single_name(self) -> str:
        return self._name()[-1]
