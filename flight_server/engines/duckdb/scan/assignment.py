"""Which deletes hold for a data file, by the rules of sequence numbers, partitions and paths."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from flight_server.engines.duckdb.scan.entries import DeleteFile
from flight_server.engines.duckdb.scan.manifests import Delete
from flight_server.engines.errors import EngineError

_POSITIONS = 1
_VECTOR = "PUFFIN"
_DAMAGED = "The table's metadata cannot be read now."

# A partition of one spec.
_Place = tuple[int, tuple[Any, ...]]


class Deletes:
    """The deletes of a snapshot, found by data file.

    `unpartitioned` are the specs of one partition only: their equality deletes hold everywhere.
    """

    def __init__(self, found: Iterable[Delete], unpartitioned: Collection[int]) -> None:
        self._vectors: dict[str, DeleteFile] = {}
        self._of_path: dict[str, list[DeleteFile]] = defaultdict(list)
        self._positions: dict[_Place, list[Delete]] = defaultdict(list)
        self._equality: dict[_Place, list[DeleteFile]] = defaultdict(list)
        self._everywhere: list[DeleteFile] = []
        self.count = 0
        for delete in found:
            self.count += 1
            self._add(delete, unpartitioned)

    def of(
        self, path: str, sequence: int, spec_id: int, partition: tuple[Any, ...]
    ) -> tuple[DeleteFile, ...]:
        """The deletes that hold for a data file, equality deletes last.

        A deletion vector stands for all deletes by position that were there before it.
        """
        if not self.count:
            return ()
        place = _place(spec_id, partition)
        vector = self._vectors.get(path)
        if vector is not None and vector.sequence >= sequence:
            positions = [vector]
        else:
            near = [each.file for each in self._positions.get(place, ()) if _speaks_of(each, path)]
            near += self._of_path.get(path, ())
            positions = [each for each in near if each.sequence >= sequence]
        equality = (*self._everywhere, *self._equality.get(place, ()))
        # rows of the same commit were written after the deletes
        later = (each for each in equality if each.sequence > sequence)
        return (*positions, *later)

    def _add(self, delete: Delete, unpartitioned: Collection[int]) -> None:
        file = delete.file
        if file.content != _POSITIONS:
            if file.spec_id in unpartitioned:
                self._everywhere.append(file)
            else:
                self._equality[_place(file.spec_id, file.partition)].append(file)
        elif file.format == _VECTOR:
            if file.referenced is None or file.offset is None or file.length is None:
                raise EngineError(_DAMAGED)
            known = self._vectors.get(file.referenced)
            # there may be one only; the later one would hold
            if known is None or known.sequence < file.sequence:
                self._vectors[file.referenced] = file
        elif file.referenced is not None:
            self._of_path[file.referenced].append(file)
        else:
            self._positions[_place(file.spec_id, file.partition)].append(delete)


def _place(spec_id: int, partition: tuple[Any, ...]) -> _Place:
    # NaN equals nothing, not even itself, but is one partition
    return spec_id, tuple("NaN" if value != value else value for value in partition)


def _speaks_of(delete: Delete, path: str) -> bool:
    """Whether a path lies between the first and the last that a file of positions names."""
    name = path.encode()
    if delete.first is not None and name < delete.first:
        return False
    return delete.last is None or name <= delete.last
