"""`python -m benchmarks`: builds the data, starts the servers, measures, and reports."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks import bare, data, machine, report, rounds, served, targets
from benchmarks.measures import Effort
from benchmarks.processes import NotStarted, started
from benchmarks.rounds import WrongRows
from benchmarks.targets import Target

_FOLDER = Path(__file__).with_name(".data")
_BARE_SECONDS = 120.0
_FULL = Effort(small=200, lookup=100, metadata=20, threads=8, concurrent_seconds=3.0)
_QUICK = Effort(small=10, lookup=5, metadata=3, threads=8, concurrent_seconds=0.3)


def main(arguments: Sequence[str]) -> int:
    """Run the benchmarks; gives the exit status."""
    options = _parser().parse_args(arguments)
    complete = not (options.quick or options.only) and options.scale in (None, 1.0)
    scale = options.scale or (0.1 if options.quick else 1.0)
    facts = machine.describe(arguments)
    warehouse = data.warehouse(options.data, scale=scale, tables=options.tables)
    facts["data"] = f"scale {scale:g}, {warehouse.size.rows:,} rows, {options.tables} empty tables"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmarks-")))
        found = _targets(warehouse, folder, stack)
        results = rounds.run(
            found,
            sections=options.only or rounds.SECTIONS,
            rounds=options.rounds or (2 if options.quick else 5),
            effort=_QUICK if options.quick else _FULL,
            size=warehouse.size,
            tell=_tell,
        )
    facts["load after"] = machine.load()
    text = report.markdown(results, facts)
    print(text)
    if options.json:
        report.write_json(options.json, results, facts)
    if complete and served.command() is not None:
        report.write_readme(text)
    else:
        _tell("the README keeps its results: this was not the complete run")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, help="5, or 2 with --quick")
    parser.add_argument("--scale", type=float, help="1 is 6 M rows; 0.1 with --quick")
    parser.add_argument(
        "--only", type=_sections, metavar="SECTIONS", help=f"some of {','.join(rounds.SECTIONS)}"
    )
    parser.add_argument("--quick", action="store_true", help="few repeats, to see that it works")
    parser.add_argument("--tables", type=int, default=100, help="empty tables beside lineitem")
    parser.add_argument("--data", type=Path, default=_FOLDER, help="where the data is kept")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write every value here")
    return parser


def _sections(text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in rounds.SECTIONS:
            raise argparse.ArgumentTypeError(f"{name} is none of {', '.join(rounds.SECTIONS)}")
    return names


def _targets(warehouse: data.Warehouse, folder: Path, stack: ExitStack) -> list[Target]:
    base = warehouse.folder.parent
    found = targets.in_process(warehouse)
    memory = stack.enter_context(
        started(
            [
                *(sys.executable, "-m", "benchmarks.bare"),
                *(str(base), repr(warehouse.size.scale), str(warehouse.tables)),
            ],
            ready=bare.READY,
            log=folder / "bare.log",
            seconds=_BARE_SECONDS,
        )
    )
    found.append(targets.flight(targets.BARE, targets.IN_PROCESS, memory.uri, memory.pid))
    if served.command() is None:
        _tell("flight-server is not installed here: only the references are measured")
        return found
    ours = stack.enter_context(served.served(warehouse, folder))
    for name, like, user in (
        (targets.SERVER, targets.IN_PROCESS, served.FULL),
        (targets.SERVER_NARROW, targets.IN_PROCESS_NARROW, served.NARROW),
        (targets.SERVER_MASKED, targets.IN_PROCESS_MASKED, served.MASKED_USER),
    ):
        login = ours.logins[user]
        found.append(targets.flight(name, like, ours.running.uri, ours.running.pid, login=login))
    return found


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (NotStarted, WrongRows) as error:
        sys.exit(f"benchmarks: {error}")
