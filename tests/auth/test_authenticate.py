"""The one place where credentials become a principal."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from auth.authenticate import Authenticator, Sessions
from auth.credentials import parse_credentials
from auth.errors import ConfigurationInvalid, Unauthenticated
from auth.identity import Identity
from auth.keys import StaticKeys, secret_key
from auth.passwords import generate_api_key, hash_api_key, hash_password
from auth.tokens import Issuer, TokenMinter

IDP = secret_key("i" * 32)
SESSION = secret_key("s" * 32)
KEY = generate_api_key()
STORED = hash_password("pw")
USERS = f"""version: 1
users:
  alice: {{password: "{STORED}", groups: [g], claims: {{tenant_id: acme}}}}
  bot: {{api_keys: [{{id: main, sha256: "{hash_api_key(KEY)}"}}], groups: [b]}}
"""


class Fixture:
    """An authenticator whose users can be exchanged."""

    def __init__(self) -> None:
        self.users = parse_credentials(USERS)
        self.user = "sub"
        self.door = Authenticator(
            identity=lambda: Identity(("groups", "realm.roles"), user=self.user),
            issuers=(Issuer("idp", "flight", ("HS256",), StaticKeys(unnamed=(IDP,))),),
            credentials=lambda: self.users,
            sessions=Sessions(SESSION),
        )

    def token(self, subject: str = "carol", **claims) -> str:
        minter = TokenMinter(IDP, issuer="idp", audience="flight")
        return minter.mint(subject, lifetime_seconds=60, claims=claims)


@pytest.fixture
def world() -> Fixture:
    return Fixture()


def test_a_jwt_gives_its_groups_from_the_claims_that_the_policy_names(world):
    token = world.token(groups=["a", "b"], realm={"roles": ["c"]}, roles=["no"])
    principal = world.door.bearer(token)
    assert (principal.subject, principal.method, principal.issuer) == ("carol", "jwt", "idp")
    assert principal.groups == {"a", "b", "c"}
    assert principal.expires_at is not None
    assert principal.token_id


@pytest.mark.parametrize("groups", [[1], {"a": 1}, 7, ["a", None]])
def test_a_jwt_with_malformed_groups_is_refused(world, groups):
    with pytest.raises(Unauthenticated):
        world.door.bearer(world.token(groups=groups))


def test_a_jwt_names_its_user_by_the_claim_that_the_policy_says(world):
    world.user = "person.mail"
    token = world.token(person={"mail": "carol@example.com"}, groups=["a"])
    carol = world.door.bearer(token)
    assert carol.subject == "carol@example.com"
    assert world.door.renewed(carol) == carol
    assert world.door.basic("alice", "pw").subject == "alice"
    world.user = "sub"
    assert world.door.bearer(token).subject == "carol"
    with pytest.raises(Unauthenticated):
        world.door.renewed(carol)


@pytest.mark.parametrize("mail", [None, "", " carol", "a\nb", 7, ["carol"], "x" * 257, "e\u0301"])
def test_a_jwt_whose_user_cannot_be_told_is_refused(world, mail):
    world.user = "mail"
    with pytest.raises(Unauthenticated):
        world.door.bearer(world.token(mail=mail))
    with pytest.raises(Unauthenticated):
        world.door.bearer(world.token())


def test_a_password_and_an_api_key_give_the_users_of_the_file(world):
    alice = world.door.basic("alice", "pw")
    assert (alice.subject, alice.groups, alice.method) == ("alice", {"g"}, "password")
    assert alice.claims["tenant_id"] == "acme"
    for bot in (world.door.bearer(KEY), world.door.basic("bot", KEY)):
        assert (bot.subject, bot.groups, bot.method) == ("bot", {"b"}, "api_key")


def test_an_api_key_is_not_a_password_of_another_user(world):
    for name in ("alice", "", "BOT", "bot "):
        with pytest.raises(Unauthenticated):
            world.door.basic(name, KEY)


def test_a_session_stands_for_the_login_it_was_minted_for(world):
    for principal in (world.door.basic("alice", "pw"), world.door.bearer(KEY)):
        again = world.door.bearer(world.door.mint(principal))
        assert again.expires_at is not None
        assert (again.subject, again.groups, again.claims, again.method, again.token_id) == (
            principal.subject,
            principal.groups,
            principal.claims,
            principal.method,
            principal.token_id,
        )


def test_a_session_ends_with_its_credential(world):
    token = world.door.mint(world.door.basic("alice", "pw"))
    world.users = parse_credentials(USERS.replace("groups: [g]", "groups: [h]"))
    assert world.door.bearer(token).groups == {"h"}
    for text in (
        USERS.replace(STORED, hash_password("pw")),
        USERS.replace("groups: [g]", "disabled: true"),
        USERS.replace("alice", "alicia"),
    ):
        world.users = parse_credentials(text)
        with pytest.raises(Unauthenticated):
            world.door.bearer(token)


def test_a_session_cannot_prolong_itself(world):
    first = world.door.bearer(world.door.mint(world.door.basic("alice", "pw")))
    second = world.door.bearer(world.door.mint(first))
    assert second.expires_at == first.expires_at


def test_a_principal_is_renewed_as_its_credentials_are_now(world):
    door = world.door
    alice, bot = door.basic("alice", "pw"), door.bearer(KEY)
    session = door.bearer(door.mint(alice))
    for principal in (alice, bot, session):
        assert door.renewed(principal) == principal

    world.users = parse_credentials(USERS.replace("groups: [g]", "groups: [h]"))
    assert door.renewed(alice).groups == door.renewed(session).groups == {"h"}
    world.users = parse_credentials(f"{USERS.rstrip()}\n".replace("bot:", "other:"))
    assert door.renewed(alice) == alice
    with pytest.raises(Unauthenticated):
        door.renewed(bot)
    world.users = parse_credentials(USERS.replace("groups: [g]", "disabled: true"))
    for principal in (alice, session):
        with pytest.raises(Unauthenticated):
            door.renewed(principal)


def test_a_principal_of_a_token_is_renewed_until_a_minute_after_its_end(world):
    carol = world.door.bearer(world.token(groups=["a"]))
    assert world.door.renewed(carol) == carol
    long_ago = replace(carol, expires_at=carol.expires_at - 60 - 65)
    with pytest.raises(Unauthenticated):
        world.door.renewed(long_ago)
    just_now = replace(carol, expires_at=carol.expires_at - 60 - 30)
    assert world.door.renewed(just_now).groups == {"a"}


def test_a_jwt_gets_no_session(world):
    for subject in ("carol", "alice"):
        with pytest.raises(Unauthenticated):
            world.door.mint(world.door.bearer(world.token(subject)))


def test_an_issuer_cannot_make_sessions_nor_sessions_be_an_issuer(world):
    forged = TokenMinter(IDP, issuer="flight-server/session", audience="flight-server/session")
    with pytest.raises(Unauthenticated):
        world.door.bearer(forged.mint("alice", lifetime_seconds=60, claims={"cred": "x"}))
    stolen = TokenMinter(SESSION, issuer="idp", audience="flight")
    with pytest.raises(Unauthenticated):
        world.door.bearer(stolen.mint("alice", lifetime_seconds=60))
    taken = Issuer("flight-server/session", "x", ("HS256",), StaticKeys(unnamed=(IDP,)))
    with pytest.raises(ConfigurationInvalid):
        Authenticator(identity=Identity, issuers=(taken,), sessions=Sessions(SESSION))


def test_all_refusals_have_one_text_and_no_secret_in_the_log(world, caplog):
    with caplog.at_level(logging.DEBUG):
        for attempt in (
            lambda: world.door.basic("alice", "hunter2"),
            lambda: world.door.basic("nobody", "hunter2"),
            lambda: world.door.basic("alice", "fsk_hunter2"),
            lambda: world.door.bearer("hunter2"),
            lambda: world.door.bearer("fsk_hunter2"),
            lambda: world.door.bearer(""),
        ):
            with pytest.raises(Unauthenticated) as caught:
                attempt()
            assert str(caught.value) == str(Unauthenticated())
    assert caplog.text
    assert "hunter2" not in caplog.text


def test_nothing_configured_lets_nobody_in(world):
    door = Authenticator(identity=Identity)
    principal = world.door.basic("alice", "pw")
    for attempt in (
        lambda: door.bearer(KEY),
        lambda: door.bearer(world.token()),
        lambda: door.basic("alice", "pw"),
        lambda: door.basic("bot", KEY),
        lambda: door.mint(principal),
    ):
        with pytest.raises(Unauthenticated):
            attempt()


def test_sessions_hide_their_key():
    assert "ssss" not in repr(Sessions(SESSION))
