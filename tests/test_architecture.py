"""The rules that keep the layout readable: layers, library homes, sizes, codes and routes."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("auth", "catalog", "flight_server")

# Which of our packages a package may import, beside itself. The longest prefix counts.
LAYERS: dict[str, tuple[str, ...]] = {
    "catalog": (),
    "auth": ("catalog",),
    "flight_server.engines": ("catalog",),
    "flight_server.query": ("auth", "catalog", "flight_server.engines"),
    "flight_server.protocol": ("auth", "catalog", "flight_server.query", "flight_server.engines"),
    "flight_server.demo": ("auth", "catalog"),
    "flight_server.testing": (),  # stand-ins of services, for users' tests too
    "flight_server": ("auth", "catalog", "flight_server"),
}
# What is forbidden although the layer would allow it, and why.
FORBIDDEN: tuple[tuple[str, str, str], ...] = (
    ("flight_server.protocol", "flight_server.engines.duckdb", "doors know no concrete engine"),
    ("flight_server.query", "flight_server.engines.duckdb", "only the composition root does"),
    ("flight_server.query", "catalog.iceberg", "only the composition root names catalogs"),
    ("flight_server.protocol", "catalog.iceberg", "only the composition root names catalogs"),
)
# Where a library may be imported. What is not listed may be imported anywhere.
HOMES: dict[str, tuple[str, ...]] = {
    "grpc": ("flight_server.protocol",),
    "google.protobuf": ("flight_server.protocol",),
    "grpc_tools": ("flight_server.protocol.wire.generate",),
    "duckdb": (
        "flight_server.engines.duckdb",
        "flight_server.query.parser",
        # what a statement means is asked of the engine whose dialect it is in
        "flight_server.engines.athena.binder",
        "flight_server.engines.athena.types",
        "flight_server.testing",
    ),
    "boto3": (
        "flight_server.engines.athena",
        "catalog.athena",
        "catalog.athena_source",
        "flight_server.delegating",  # `check` asks for the work groups
        "flight_server.testing",
    ),
    "botocore": (
        "flight_server.engines.athena",
        "catalog.athena",
        "catalog.athena_source",
        "flight_server.delegating",  # `check` asks for the work groups
        "flight_server.testing",
    ),
    "moto": ("flight_server.testing",),
    "sqlglot": ("flight_server.testing",),  # reads Athena's SQL there; the engine writes its own
    "werkzeug": ("flight_server.testing",),
    "jwt": ("auth",),
    "pyiceberg": (
        "catalog",
        "flight_server.engines.duckdb",
        "flight_server.demo",
        "flight_server.testing",  # the double reads tables as Athena does, apart from our readers
    ),
    "cryptography": ("auth", "flight_server.query.seal", "flight_server.query.audit.signing"),
    "pydantic": (
        "flight_server.config",
        "flight_server.config_athena",
        "flight_server.config_faults",
        "flight_server.config_values",
    ),
    "adbc_driver_flightsql": ("flight_server.cli",),
}
MAX_LINES = 400
MAX_FUNCTION = 60


def _modules() -> Iterator[tuple[str, Path]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            if not name.endswith("_pb2"):
                yield name, path


MODULES = dict(_modules())


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_its_layer_may(module: str) -> None:
    layer = max((layer for layer in LAYERS if _within(module, layer)), key=len)
    for imported in _imports(MODULES[module]):
        if any(_within(imported, package) for package in PACKAGES):
            allowed = (layer, *LAYERS[layer])
            assert any(_within(imported, package) for package in allowed) or imported in PACKAGES
        for importer, target, why in FORBIDDEN:
            assert not (_within(module, importer) and _within(imported, target)), why


@pytest.mark.parametrize("module", MODULES)
def test_a_library_is_imported_only_at_its_home(module: str) -> None:
    for imported in _imports(MODULES[module]):
        for library, homes in HOMES.items():
            if _within(imported, library):
                assert any(_within(module, home) for home in homes), f"{library} in {module}"


@pytest.mark.parametrize("module", MODULES)
def test_a_module_says_what_it_is_for_and_stays_short(module: str) -> None:
    text = MODULES[module].read_text()
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "no docstring"
    assert len(text.splitlines()) <= MAX_LINES
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= MAX_FUNCTION, f"{node.name} has {length} lines"


def test_only_secure_makes_a_secured_statement() -> None:
    makers = set()
    for name, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text())):
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(called, ast.Name) and called.id == "Secured":
                makers.add(name)
    assert makers == {"flight_server.query.secure"}


def _exceptions() -> Iterator[type[Exception]]:
    for package in ("auth", "catalog", "flight_server.engines", "flight_server.query"):
        module = importlib.import_module(f"{package}.errors")
        for _, value in inspect.getmembers(module, inspect.isclass):
            if issubclass(value, Exception) and value.__module__ == module.__name__:
                yield value


def test_every_exception_has_a_code_of_its_own() -> None:
    rules = importlib.import_module("flight_server.query.failures").RULES
    missing = [error.__name__ for error in _exceptions() if error not in rules]
    assert not missing
    codes = [rule.code for rule in rules.values()]
    assert len(codes) == len(set(codes))


def test_every_folder_is_a_package_that_can_be_installed() -> None:
    found = {info.name for info in pkgutil.walk_packages([str(ROOT)]) if info.ispkg}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            folder = ".".join(path.relative_to(ROOT).parent.parts)
            assert folder in found, f"{folder} has no __init__.py"
