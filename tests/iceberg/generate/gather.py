"""Packs generated tables into archives that can be unpacked anywhere; needs no other library."""

from __future__ import annotations

import io
import shutil
import sys
import zipfile
import zlib
from pathlib import Path

_SPACE = "s"
_WHEN = (2026, 1, 1, 0, 0, 0)


def main() -> None:
    """`gather.py ROOT TRUTH TARGET`: an archive for each table, and the truth beside them."""
    root, truth, target = (Path(argument) for argument in sys.argv[1:])
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    shutil.copy(truth, target / "truth.json")
    (place,) = root.iterdir()
    for table in sorted((place / _SPACE).iterdir()):
        with zipfile.ZipFile(target / f"{table.name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for path in _files(table):
                entry = zipfile.ZipInfo(path.relative_to(place).as_posix(), _WHEN)
                entry.compress_type = zipfile.ZIP_DEFLATED
                data = path.read_bytes()
                if path.suffix == ".avro" and path.parent.name == "metadata":
                    data = inflated(data)
                archive.writestr(entry, data, compresslevel=9)


def _files(table: Path) -> list[Path]:
    """What is part of a table: its latest metadata file, and all that is no metadata file."""
    latest = max(
        table.glob("metadata/*.metadata.json"), key=lambda p: int(p.name[1:].split(".")[0])
    )
    return sorted(
        path
        for path in table.rglob("*")
        if path.is_file()
        and path.suffix != ".crc"
        and path.name not in ("version-hint.text", "_SUCCESS")
        and (path == latest or not path.name.endswith(".metadata.json"))
    )


def inflated(data: bytes) -> bytes:
    """An Avro file without compression, so that paths in it can be replaced byte by byte."""
    source, target = io.BytesIO(data), io.BytesIO()
    _copy(source, target, 4)
    codec = b""
    while (count := _long(source)) != 0:
        if count < 0:
            _long(source)
        target.write(_varint(abs(count)))
        for _ in range(abs(count)):
            key, value = (source.read(_long(source)) for _ in range(2))
            if key == b"avro.codec":
                codec, value = value, b"null"
            target.write(_varint(len(key)) + key + _varint(len(value)) + value)
    target.write(b"\0")
    sync = _copy(source, target, 16)
    while source.tell() < len(data):
        rows = _long(source)
        block = source.read(_long(source))
        if codec == b"deflate":
            block = zlib.decompress(block, -15)
        target.write(_varint(rows) + _varint(len(block)) + block)
        assert _copy(source, target, 16) == sync
    return target.getvalue()


def _copy(source: io.BytesIO, target: io.BytesIO, size: int) -> bytes:
    data = source.read(size)
    target.write(data)
    return data


def _long(source: io.BytesIO) -> int:
    value = shift = 0
    while True:
        byte = source.read(1)[0]
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1)


def _varint(value: int) -> bytes:
    value = (value << 1) ^ (value >> 63)
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


if __name__ == "__main__":
    main()
