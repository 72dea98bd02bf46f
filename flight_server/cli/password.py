"""`flight-server password` and `api-key`: the lines by which the users file knows a credential."""

from __future__ import annotations

import argparse
import getpass
import json
import os
import warnings

from auth.passwords import generate_api_key, hash_api_key, hash_password
from flight_server.config import ConfigInvalid

VARIABLE = "FLIGHT_PASSWORD"


def run(options: argparse.Namespace) -> int:
    """Run one of the two commands; gives the exit status."""
    return _password() if options.action == "password" else _api_key(options.id)


def given_password(prompt: str) -> str:
    """The password of the environment, else of a prompt. Raises `ConfigInvalid` without either."""
    given = os.environ.get(VARIABLE)
    return ask(prompt) if given is None else given


def ask(prompt: str) -> str:
    """A password that is typed unseen. Raises `ConfigInvalid` where there is no terminal."""
    try:
        with warnings.catch_warnings():
            # else it would be read, and shown, from what is no terminal
            warnings.simplefilter("error", getpass.GetPassWarning)
            return getpass.getpass(prompt)
    except (EOFError, getpass.GetPassWarning):
        raise ConfigInvalid(f"there is no terminal to ask for a password: set {VARIABLE}") from None


def _password() -> int:
    if VARIABLE in os.environ:
        password = os.environ[VARIABLE]
    else:
        password = ask("Password: ")
        if ask("Again: ") != password:
            raise ConfigInvalid("the two passwords are not the same")
    print(f'password: "{hash_password(password)}"')
    return 0


def _api_key(name: str) -> int:
    if not name or not name.isprintable():
        raise ConfigInvalid("--id: a name for the key is needed")
    key = generate_api_key()
    print(f"# the key, which is not shown again: {key}")
    # a text in JSON is one in YAML, whatever is in it
    print(f"- {{id: {json.dumps(name)}, sha256: {json.dumps(hash_api_key(key))}}}")
    return 0
