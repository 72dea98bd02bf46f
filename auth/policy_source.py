"""The policy in force, read from its file and read again when the file changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from auth.errors import PolicyInvalid
from auth.policy import Policy
from auth.policy_file import parse_policy
from auth.reloading import ReloadingFile


class PolicySource:
    """The policy of a file. Raises `PolicyInvalid` when made over a file that cannot be used.

    Ask for `current` at each use and keep no policy: so changes are in force within five seconds.
    `check` gets each policy with its file's name before it is in force, and raises `PolicyInvalid`
    where it cannot be: what reads policies here knows no SQL.
    """

    def __init__(
        self, path: Path | str, check: Callable[[Policy, str], None] = lambda _policy, _file: None
    ) -> None:
        def parse(text: str, file: str) -> Policy:
            policy = parse_policy(text, file)
            check(policy, file)
            return policy

        self._file = ReloadingFile(Path(path), parse, PolicyInvalid)

    def current(self) -> Policy:
        """The policy in force."""
        return self._file.current()

    @property
    def failure(self) -> str:
        """Why the file as it is now is not in force; empty when it is. For operators only."""
        return self._file.failure
