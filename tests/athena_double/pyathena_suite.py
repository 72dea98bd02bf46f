"""Runs PyAthena's own tests on the double: `python -m tests.athena_double.pyathena_suite CHECKOUT`.

CHECKOUT is a copy of PyAthena's repository; its tests run as they are, with the PyAthena that is
installed here. What else is given goes to pytest. They need `Jinja2`, and `pytest-asyncio` for
`aio`, which is left out without it. As a plug-in of pytest, this module gives Arrow's file system
the double's endpoint, which it does not take from the environment, and asks more often for the
state of statements than once a second.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pyarrow.fs as pa_fs

from flight_server.testing.athena import AthenaDouble

_BUCKET = "pyathena-staging"
_STAGING = f"s3://{_BUCKET}/out/"
_GROUPS = {"own": "AWS_ATHENA_WORKGROUP", "spark": "AWS_ATHENA_SPARK_WORKGROUP"}
# Spark sessions are another service; the suite of SQLAlchemy's own is not PyAthena's.
_LEFT_OUT = ("tests/pyathena/spark", "tests/pyathena/aio/spark")


def pytest_configure() -> None:
    """As a plug-in: the endpoint for Arrow, and short pauses."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    if endpoint is None:
        return
    original = pa_fs.S3FileSystem

    class Pointed(original):  # type: ignore[misc, valid-type]  # pyarrow looks at no environment
        def __init__(self, **options: Any) -> None:
            options.setdefault("endpoint_override", endpoint)
            super().__init__(**options)

    pa_fs.S3FileSystem = Pointed
    connection = importlib.import_module("pyathena.connection").Connection
    made = connection.__init__

    @functools.wraps(made)
    def impatient(self: Any, *given: Any, **options: Any) -> None:
        made(self, *given, **{"poll_interval": 0.02, **options})

    connection.__init__ = impatient


def main(checkout: Path, arguments: list[str]) -> int:
    """Run them; pytest's exit code."""
    left_out = [*_LEFT_OUT]
    if importlib.util.find_spec("pytest_asyncio") is None:
        left_out.append("tests/pyathena/aio")
    with AthenaDouble(unload_files=1) as aws, tempfile.TemporaryDirectory() as folder:
        _set_up(aws)
        # without the package of the checkout, which would hide the one that is installed
        shutil.copytree(checkout / "tests", Path(folder) / "tests")
        shutil.copy(checkout / "pyproject.toml", folder)
        # by its bare name: `tests` is PyAthena's here
        place = str(Path(__file__).parent)
        paths = os.pathsep.join(filter(None, [place, os.environ.get("PYTHONPATH")]))
        found = subprocess.run(
            [
                *(
                    sys.executable,
                    "-m",
                    "pytest",
                    "-p",
                    Path(__file__).stem,
                    "-p",
                    "no:cacheprovider",
                ),
                *(f"--ignore={Path(folder) / each}" for each in left_out),
                *(arguments or ["-q", "tests/pyathena"]),
            ],
            cwd=folder,
            env={**os.environ, **aws.environment, **_environment(), "PYTHONPATH": paths},
            check=False,
        )
    return found.returncode


def _set_up(aws: AthenaDouble) -> None:
    """What PyAthena's tests expect in the account."""
    aws.put_bucket(_BUCKET)
    athena = aws.client("athena")
    for name in _GROUPS:
        results = {"OutputLocation": f"s3://{_BUCKET}/{name}/"}
        athena.create_work_group(
            Name=name,
            Configuration={
                "ResultConfiguration": results,
                "EnforceWorkGroupConfiguration": False,
            },
        )
    aws.client("glue").create_database(DatabaseInput={"Name": "default"})


def _environment() -> dict[str, str]:
    groups = {variable: name for name, variable in _GROUPS.items()}
    return {
        **groups,
        "AWS_ATHENA_S3_STAGING_DIR": _STAGING,
        "AWS_ATHENA_DEFAULT_WORKGROUP": "primary",
    }


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
