"""What docs/clients.md tells to paste is pasted."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import Server

PAGE = (Path(__file__).parents[2] / "docs" / "clients.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_a_python_block_of_the_page_runs(server: Server, token: str, number: int) -> None:
    secrets = {"FLIGHT_PASSWORD": server.login("analyst")["password"], "FLIGHT_TOKEN": token}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", BLOCKS[number].replace("31337", str(server.port))],
        env=os.environ | secrets,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
