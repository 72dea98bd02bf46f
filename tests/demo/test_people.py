"""Four users ask for all of `accounts`, and each gets another shape of it."""

from __future__ import annotations

import pytest

from auth.credentials import CredentialsSource
from auth.policy_source import PolicySource
from auth.principal import Principal
from catalog.iceberg import IcebergCatalog
from catalog.names import TableName
from flight_server.config import load
from flight_server.demo import snippets

PLAIN = (
    "account_id", "account_number", "desk", "tags", "segment", "is_active", "opened_at",
    "last_review",
)  # fmt: skip
ALL = (
    "account_id", "account_number", "desk", "holder_name", "email", "tax_id", "date_of_birth",
    "phone", "address", "tags", "segment", "balance", "risk_score", "is_active", "opened_at",
    "last_review",
)  # fmt: skip


@pytest.fixture(scope="session")
def principals(demo):
    """The four users, each logged in with what the credentials file gives."""
    users = CredentialsSource(demo.users).current()
    found = {}
    for name, credential in demo.credentials.items():
        if "password" in credential:
            login = users.by_password(name, credential["password"])
        else:
            login = users.by_api_key(credential["api_key"])
        assert login is not None
        assert login.user.name == name
        found[name] = Principal(name, login.user.groups, login.user.claims, method=login.method)
    return found


@pytest.fixture(scope="session")
def grants(demo, principals):
    policy = PolicySource(demo.policy).current()
    catalog = IcebergCatalog(demo.catalog, demo.properties, refresh_seconds=60)

    def decide(user: str, schema: str, table: str):
        found = catalog.table(TableName(demo.catalog, schema, table))
        return policy.decide(principals[user], found)

    return decide


def test_the_analyst_sees_no_personal_data_and_no_sensitive_figures(grants):
    grant = grants("analyst", "portfolio", "accounts")
    assert grant.columns == PLAIN
    assert not grant.masks
    assert not grant.restrictive


def test_the_manager_sees_the_own_desk_partly_masked(grants):
    grant = grants("manager", "portfolio", "accounts")
    assert grant.columns == ALL
    assert set(grant.masks) == {"email", "tax_id", "date_of_birth", "phone"}
    (own,) = grant.restrictive
    assert own.claims["desk"] == ("VARCHAR", "equities")


def test_compliance_sees_everything(grants):
    grant = grants("compliance", "portfolio", "accounts")
    assert grant.columns == ALL
    assert not grant.masks
    assert not grant.restrictive


def test_the_service_sees_figures_but_no_personal_data(grants):
    grant = grants("service", "portfolio", "accounts")
    assert grant.columns == (*PLAIN[:5], "balance", "risk_score", *PLAIN[5:])
    assert not grant.masks
    assert not grant.restrictive


@pytest.mark.parametrize(
    "table",
    ["portfolios", "accounts", "portfolio_accounts", "portfolio_benchmarks", "positions",
     "transactions"],
)  # fmt: skip
def test_every_table_of_the_firm_that_knows_desks_is_narrowed_for_the_manager(grants, table):
    grant = grants("manager", "portfolio", table)
    assert "desk" in grant.columns
    assert grant.restrictive


@pytest.mark.parametrize("user", ["analyst", "manager", "compliance", "service"])
def test_all_see_the_market(grants, user):
    grant = grants(user, "market", "prices")
    assert len(grant.columns) == 9
    assert not grant.restrictive


def test_somebody_without_a_group_sees_nothing(demo):
    policy = PolicySource(demo.policy).current()
    catalog = IcebergCatalog(demo.catalog, demo.properties, refresh_seconds=60)
    for schema in catalog.schemas():
        for name in catalog.tables(schema):
            assert policy.decide(Principal("nobody"), catalog.table(name)) is None


def test_the_server_takes_the_configuration(demo):
    settings = load(demo.config)
    assert settings.policy.file == demo.policy
    assert settings.auth.users == demo.users
    assert len(settings.auth.session_secret.get_secret_value()) == 64
    assert settings.catalogs[demo.catalog].properties() == demo.properties


def test_snippets_are_python_and_name_the_server(demo):
    password = demo.credentials["analyst"]["password"]
    python = [
        snippets.adbc("127.0.0.1", 31337, "analyst", password),
        snippets.adbc_key("127.0.0.1", 31337, demo.credentials["service"]["api_key"]),
        snippets.polars(),
        snippets.pandas(),
    ]
    for text in python:
        compile(text, "snippet", "exec")
    shown = snippets.render(demo, 31337)
    assert "grpc://127.0.0.1:31337" in shown
    assert "jdbc:arrow-flight-sql://127.0.0.1:31337/" in shown
    for credential in demo.credentials.values():
        for secret in credential.values():
            assert secret in shown
