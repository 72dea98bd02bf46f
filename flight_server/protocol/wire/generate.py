"""Generates the Python modules of the `.proto` files beside it: `python -m <this module>`.

Needs grpcio-tools and mypy-protobuf; what it writes is kept in version control.
"""

from __future__ import annotations

import sys
from pathlib import Path

from grpc_tools import protoc  # type: ignore[import-untyped]  # it has no types

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


def generate(target: Path) -> None:
    """Write the modules and their types below `target`, in the folders of their package."""
    plugin = Path(sys.executable).with_name("protoc-gen-mypy")
    arguments = [
        "protoc",
        f"--plugin=protoc-gen-mypy={plugin}",
        f"-I{ROOT}",
        f"-I{Path(protoc.__file__).parent / '_proto'}",
        f"--python_out={target}",
        f"--mypy_out=quiet:{target}",
        *(str(path.relative_to(ROOT)) for path in sorted(HERE.glob("*.proto"))),
    ]
    if protoc.main(arguments) != 0:
        raise SystemExit("protoc failed")


if __name__ == "__main__":
    generate(ROOT)
