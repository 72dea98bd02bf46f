"""The documentation is as true as the code: generated pages are current, examples run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs.generate import PAGES
from flight_server import config
from tests.servers import Server

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_up_to_date(name: str) -> None:
    assert (ROOT / "docs" / name).read_text() == PAGES[name](), "run `make docs`"


def test_every_setting_is_described() -> None:
    for name, _, _, description in config.table():
        assert description, name


def test_the_readme_is_short_and_names_every_command() -> None:
    assert len(README.splitlines()) <= 150
    help_text = subprocess.run(
        [sys.executable, "-m", "flight_server", "--help"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for command in (
        "serve", "demo", "check", "token", "password", "api-key", "query", "explain", "policy"
    ):  # fmt: skip
        assert f"`{command}`" in README
        assert command in help_text


def test_every_make_target_of_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"^    make ([a-z]+)", README, re.MULTILINE)) <= targets


def test_every_link_leads_somewhere() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), ROOT / "benchmarks" / "README.md"]
    for page in pages:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def _here(block: str, server: Server) -> str:
    return block.replace("31337", str(server.port))


@pytest.fixture
def folder(server: Server, tmp_path: Path) -> Path:
    """A folder in which `demo-data` is the running server's data."""
    (tmp_path / "demo-data").symlink_to(server.directory)
    return tmp_path


@pytest.mark.parametrize("block", _blocks("python"))
def test_a_python_block_of_the_readme_runs(server: Server, folder: Path, block: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _here(block, server)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize("block", _blocks("sh"))
def test_a_shell_block_of_the_readme_runs(server: Server, folder: Path, block: str) -> None:
    script = _here(block, server).replace("query --user", f"query --uri {server.uri} --user")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euc", script],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_the_configuration_of_the_readme_is_valid(tmp_path: Path) -> None:
    (block,) = _blocks("yaml")
    path = tmp_path / "flight-server.yaml"
    path.write_text(block)
    settings = config.load(path)
    assert settings.policy.file == tmp_path / "policy.yaml"
    assert settings.catalogs["lake"].properties()["uri"].startswith("sqlite:")
