"""The kinds of values that settings have: sizes, times, locations, and secrets by reference."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

_T = TypeVar("_T")

_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9}
_UNITS |= {"kib": 2**10, "mib": 2**20, "gib": 2**30}
_LEAST_MEMORY = 64 * 2**20  # with less, the engine itself does not fit
_CATALOG_TYPES = ("sql", "rest", "glue", "hive", "athena")
_LOCATION = re.compile(r"grpc(\+tls|\+tcp)?://[^\s/]+")


def _bytes(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    number = value.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ")
    unit = value[len(number) :].strip().lower()
    if unit not in _UNITS or not re.fullmatch(r"\d+(\.\d+)?", number.strip()):
        raise ValueError("expected a size such as 512MiB or 2GB")
    return int(float(number) * _UNITS[unit])


def _several(value: Any) -> Any:
    """A list; a text is a list of one, as flags and variables give it."""
    if isinstance(value, str):
        return [value] if value else []
    return value


def _memory(value: int) -> int:
    if value < _LEAST_MEMORY:
        raise ValueError("must be at least 64MiB")
    return value


def _location(value: str) -> str:
    if not _LOCATION.fullmatch(value):
        raise ValueError("expected a URI such as grpc://host:31337 or grpc+tls://host:31337")
    return value


def _catalog_type(value: str) -> str:
    if value not in _CATALOG_TYPES:
        raise ValueError(f"unknown type; known are {', '.join(_CATALOG_TYPES)}")
    return value


def read_reference(value: Any) -> Any:
    """Read `env:NAME` or `file:PATH`; a secret is never written into the file itself."""
    if not isinstance(value, str):
        return value
    kind, _, rest = value.partition(":")
    if kind == "env":
        if rest not in os.environ:
            raise ValueError(f"environment variable {rest} is not set")
        return os.environ[rest]
    if kind == "file":
        try:
            return Path(rest).expanduser().read_text().strip()
        except OSError as error:
            raise ValueError(f"{rest} cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise ValueError(f"{rest} is not text") from None
    raise ValueError("a secret is given as env:NAME or file:PATH")


Size = Annotated[int, BeforeValidator(_bytes), Field(ge=0)]
Memory = Annotated[int, BeforeValidator(_bytes), AfterValidator(_memory)]
Secret = Annotated[SecretStr, BeforeValidator(read_reference)]
Seconds = Annotated[float, Field(gt=0)]
Location = Annotated[str, AfterValidator(_location)]
CatalogType = Annotated[str, AfterValidator(_catalog_type)]
Several = Annotated[list[_T], BeforeValidator(_several)]


class Section(BaseModel):
    """A group of settings; unknown names in it are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
