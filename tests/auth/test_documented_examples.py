"""The examples of the documentation load and mean what is said of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from auth.credentials import parse_credentials
from auth.policy_file import parse_policy
from flight_server.cli.main import main

PAGE = Path(__file__).resolve().parents[2] / "docs" / "policy.md"


@pytest.fixture(scope="module")
def examples() -> list[str]:
    return re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)


def test_the_policy_decides_as_the_page_says(examples, table_of, someone):
    policy = parse_policy(examples[0])
    orders = table_of("lake.sales.orders", "id", "email", "margin")
    analyst = policy.decide(someone("g-analyst", tenant_id="a"), orders)
    assert analyst.columns == ("id", "email")
    assert list(analyst.masks) == ["email"]
    assert [each.name for each in analyst.restrictive] == ["region", "tenant"]
    employees = table_of("lake.hr.employees", "id", "ssn", "team_lead", "salary")
    assert policy.decide(someone("g-analyst"), employees).columns == ("id", "team_lead")


def test_every_piece_of_a_policy_loads(examples):
    head = examples[0].partition("tags:")[0]
    pieces = [block for block in examples if "version:" not in block]
    assert pieces
    for piece in pieces:
        parse_policy(head + piece)


def test_the_users_load(examples):
    (page,) = (block for block in examples if "users:" in block)
    users = parse_credentials(page)
    assert users.by_password("alice", "alice-secret").user.groups == {"g-analyst"}


def test_the_job_for_continuous_integration_runs(examples, tmp_path, monkeypatch, capsys):
    (job,) = re.findall(r"^```yml\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    steps = yaml.safe_load(job)["jobs"]["policy"]["steps"]
    runs = "\n".join(step["run"] for step in steps if "run" in step).replace("\\\n", " ")
    commands = [line.split("|")[0].split() for line in runs.splitlines()]
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "policy.yaml").write_text(examples[0])
    (tmp_path / "policy" / "cases.yaml").write_text(
        next(block for block in examples if "cases:" in block)
    )
    (tmp_path / "old.yaml").write_text(examples[0].replace("orders.margin", "orders.id"))
    monkeypatch.chdir(tmp_path)
    ours = [words[1:] for words in commands if words and words[0] == "flight-server"]
    assert [words[1] for words in ours] == ["check", "test", "diff"]
    for words in ours:
        assert main(words) == 0, (words, capsys.readouterr())
    assert "gains: id" in capsys.readouterr().out
    assert (tmp_path / "report.xml").exists()
