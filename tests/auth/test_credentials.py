"""Users, passwords and API keys: what is stored, what is accepted, what is refused."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, wait

import pytest

from auth import credentials as module
from auth.credentials import parse_credentials
from auth.errors import ConfigurationInvalid, TooManyLogins
from auth.passwords import (
    PasswordHash,
    generate_api_key,
    hash_api_key,
    hash_password,
    is_api_key,
    parse_password_hash,
)

KEY = generate_api_key()
STORED = hash_password("correct horse")
USERS = f"""version: 1
users:
  alice:
    password: "{STORED}"
    groups: [g1, g2]
    claims: {{tenant_id: acme, level: 3, regions: [EU, US], vip: true, rate: 0.5}}
  bot:
    api_keys:
      - {{id: main, sha256: "{hash_api_key(KEY)}"}}
  gone:
    password: "{STORED}"
    disabled: true
"""


@pytest.fixture(scope="module")
def users():
    return parse_credentials(USERS)


def test_a_password_logs_in(users):
    login = users.by_password("alice", "correct horse")
    assert (login.user.name, login.method) == ("alice", "password")
    assert login.user.groups == {"g1", "g2"}
    assert dict(login.user.claims) == {
        "sub": "alice",
        "tenant_id": "acme",
        "level": 3,
        "regions": ["EU", "US"],
        "vip": True,
        "rate": 0.5,
    }


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("alice", "wrong"),
        ("alice", ""),
        ("alice", "correct horse "),
        pytest.param("alice", STORED, id="the stored hash"),
        ("ALICE", "correct horse"),
        ("nobody", "correct horse"),
        ("bot", ""),
        pytest.param("bot", KEY, id="an API key by password"),
        ("gone", "correct horse"),
        ("alice", "x" * 100_000),
        ("alice", "\ud800"),
        ("\ud800", "x"),
    ],
)
def test_other_names_and_passwords_do_not(users, name, password):
    assert users.by_password(name, password) is None


def test_every_login_hashes_once_whether_the_user_exists_or_not(users, monkeypatch):
    costs = []
    original = PasswordHash.matches

    def counted(self, password):
        costs.append(self.cost)
        return original(self, password)

    monkeypatch.setattr(module.PasswordHash, "matches", counted)
    for name in ("alice", "nobody", "bot", "gone"):
        users.by_password(name, "wrong")
    assert costs == [14, 14, 14, 14]


def test_more_passwords_than_can_be_checked_soon_are_refused_at_once(users, monkeypatch):
    go_on = threading.Event()

    def slow(_self, _password):
        return not go_on.wait(10)

    monkeypatch.setattr(module.PasswordHash, "matches", slow)
    with ThreadPoolExecutor(200) as pool:
        tried = [pool.submit(users.by_password, "alice", "wrong") for _ in range(200)]
        while sum(each.done() for each in tried) < 72:
            wait([each for each in tried if not each.done()], 0.05)
        refused = [each for each in tried if each.done()]
        go_on.set()
    assert len(refused) == 72
    assert all(isinstance(each.exception(), TooManyLogins) for each in refused)
    monkeypatch.undo()
    assert users.by_password("alice", "correct horse") is not None


def test_the_same_password_in_another_normal_form_is_the_same():
    assert parse_password_hash(hash_password("caf\u00e9")).matches("cafe\u0301")


def test_hashes_are_salted_and_hidden():
    assert hash_password("a") != hash_password("a")
    shown = repr(parse_password_hash(STORED))
    assert STORED.split("$")[-1] not in shown
    assert str(parse_password_hash(STORED)) == STORED


@pytest.mark.parametrize("password", ["", "x" * 1025, "fsk_something"])
def test_unusable_passwords_are_not_hashed(password):
    with pytest.raises(ConfigurationInvalid):
        hash_password(password)


@pytest.mark.parametrize(
    "stored",
    [
        "secret",
        "",
        pytest.param(STORED.replace("ln=14", "ln=01"), id="cheap"),
        pytest.param(STORED.replace("ln=14", "ln=30"), id="costly"),
        pytest.param(STORED.replace("r=8", "r=1"), id="narrow"),
        pytest.param(STORED + "A", id="longer"),
        pytest.param(STORED[:-2], id="shorter"),
        pytest.param(STORED.replace("$scrypt", "$bcrypt"), id="another kind"),
    ],
)
def test_a_hash_that_is_cheap_costly_or_odd_is_no_hash(stored):
    assert parse_password_hash(stored) is None


def test_an_api_key_logs_in(users):
    assert users.by_api_key(KEY).user.name == "bot"
    assert users.by_api_key(KEY).method == "api_key"
    for key in (generate_api_key(), KEY[:-1], KEY + "A", KEY.upper(), "", hash_api_key(KEY)):
        assert users.by_api_key(key) is None


def test_api_keys_are_long_and_random():
    keys = {generate_api_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(is_api_key(key) and len(key) == 47 for key in keys)


def test_a_disabled_user_cannot_use_an_api_key():
    text = USERS.replace("  bot:\n", "  bot:\n    disabled: true\n")
    assert parse_credentials(text).by_api_key(KEY) is None


def test_a_credential_is_known_until_it_changes(users):
    for login in (users.by_password("alice", "correct horse"), users.by_api_key(KEY)):
        assert users.by_credential(login.user.name, login.credential) == login
    alice = users.by_password("alice", "correct horse")
    assert users.by_credential("bot", alice.credential) is None
    changed = parse_credentials(USERS.replace(STORED, hash_password("new")))
    assert changed.by_credential("alice", alice.credential) is None
    disabled = parse_credentials(USERS.replace("  alice:\n", "  alice:\n    disabled: true\n"))
    assert disabled.by_credential("alice", alice.credential) is None


BROKEN = [
    ("version: 1\nusers:\n  a: {pasword: x}", 3, "did you mean 'password'?"),
    ("version: 1\nusers:\n  a: {password: hunter2}", 3, "never the password itself"),
    ("version: 1\nusers:\n  a: {}\n  a: {}", 4, "given twice"),
    ("version: 1\nusers:\n  a: {groups: [1]}", 3, "put it in quotes"),
    ("version: 1\nusers:\n  a: {disabled: 'yes'}", 3, "true or false"),
    ("version: 1\nusers:\n  a: {disabled: yes}", 3, "true or false"),
    ("version: 1\nusers:\n  a: {claims: {exp: 1}}", 3, "cannot be set"),
    ("version: 1\nusers:\n  a: {claims: {x: {y: 1}}}", 3, "must be a text"),
    ("version: 1\nusers:\n  a:\n    api_keys: [{id: k, sha256: abc}]", 4, "64 hexadecimal"),
    ("version: 1\nusers:\n  ' a': {}", 3, "user name"),
    ('version: 1\nusers:\n  "e\\u0301": {}', 3, "user name"),
    ("version: 2\nusers: {}", 1, "version 1"),
    ("users: {}", 1, "'version' is missing"),
]


@pytest.mark.parametrize(("text", "line", "part"), BROKEN)
def test_a_fault_in_the_file_is_told_with_its_line(text, line, part):
    with pytest.raises(ConfigurationInvalid) as caught:
        parse_credentials(text)
    assert str(caught.value).startswith(f"users.yaml:{line}: ")
    assert part in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_one_key_cannot_belong_to_two_users():
    key = f'api_keys: [{{id: k, sha256: "{hash_api_key(KEY)}"}}]'
    with pytest.raises(ConfigurationInvalid, match="given twice"):
        parse_credentials(f"version: 1\nusers:\n  a: {{{key}}}\n  b: {{{key}}}")
