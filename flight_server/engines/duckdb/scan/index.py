"""The files of a snapshot, column-wise: what pruning looks at, and what becomes of what is left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import chain

import numpy as np
import numpy.typing as npt
from pyiceberg.partitioning import PartitionSpec
from pyiceberg.transforms import VoidTransform
from pyiceberg.types import IcebergType

from flight_server.engines.duckdb.scan import bounds
from flight_server.engines.duckdb.scan.assignment import Deletes
from flight_server.engines.duckdb.scan.bounds import Column
from flight_server.engines.duckdb.scan.entries import DataFile
from flight_server.engines.duckdb.scan.manifests import Delete, Manifest
from flight_server.engines.errors import EngineError

Ints = npt.NDArray[np.int64]

_DAMAGED = "The table's metadata cannot be read now."


class FileIndex:
    """The data files of a snapshot by number. Columns are decoded when they are first asked for.

    Safe for several threads: two may decode the same column at once.
    """

    def __init__(self, manifests: Sequence[Manifest], specs: dict[int, PartitionSpec]) -> None:
        self._manifests = [each for each in manifests if each.formats]
        self._specs = specs
        unknown = {each.spec_id for each in manifests} - specs.keys()
        if unknown:
            raise EngineError(_DAMAGED)
        unpartitioned = {
            number
            for number, spec in specs.items()
            if all(isinstance(part.transform, VoidTransform) for part in spec.fields)
        }
        self._deletes = Deletes(
            chain.from_iterable(self._ordered_deletes(each) for each in manifests), unpartitioned
        )
        sizes = [len(each.formats) for each in self._manifests]
        self._starts = np.cumsum([0, *sizes])
        self.count = sum(sizes)
        self.records = _joined(each.records for each in self._manifests)
        self.sizes = _joined(each.sizes for each in self._manifests)
        self._size = sum(each.size for each in manifests)
        self._columns: dict[int, Column] = {}
        self._parts: dict[tuple[int, int], Column | None] = {}
        self._divided: dict[int, Ints] = {}

    @property
    def size(self) -> int:
        """About how many bytes it takes in memory, with the manifests that it may share."""
        return self._size + 64 * self.count

    @property
    def has_deletes(self) -> bool:
        """Whether there is any file of deletes, whatever it may hold for."""
        return self._deletes.count > 0

    @cached_property
    def spec_ids(self) -> Ints:
        """The partition spec of each file."""
        sizes = [len(each.formats) for each in self._manifests]
        return np.repeat(np.array([each.spec_id for each in self._manifests], np.int64), sizes)

    def files(self, numbers: Iterable[int]) -> list[DataFile]:
        """Files by number, each with the deletes that hold for it."""
        asked = np.fromiter(numbers, np.int64)
        places = np.searchsorted(self._starts, asked, "right") - 1
        at = asked - self._starts[places]
        return [
            self._file(self._manifests[place], number)
            for place, number in zip(places.tolist(), at.tolist(), strict=True)
        ]

    def column(self, field_id: int, data: IcebergType) -> Column:
        """The bounds of a column of the table; `data` is its type in the table's schema."""
        known = self._columns.get(field_id)
        if known is None:
            known = bounds.bounds(self._manifests, field_id, data)
            self._columns[field_id] = known
        return known

    def partition(
        self, spec_id: int, field_id: int, data: IcebergType, *, early: bool
    ) -> Column | None:
        """The values of a partition field; None where they are not of a type that can be compared.

        Files of other specs count as NULL. `early` as in `bounds.partition`.
        """
        key = (spec_id, field_id)
        if key not in self._parts:
            self._parts[key] = self._partition(spec_id, field_id, data, early=early)
        return self._parts[key]

    def part(self, index: int, count: int) -> Ints:
        """The numbers of the files in one of `count` groups of about the same size, in order.

        Each file is in exactly one group, with its deletes. The groups follow from the snapshot
        alone, so that every replica forms the same ones.
        """
        if count not in self._divided:
            self._divided[count] = self._groups(count)
        return np.flatnonzero(self._divided[count] == index)

    def _groups(self, count: int) -> Ints:
        paths = [path for each in self._manifests for path in each.paths.to_pylist()]
        # largest first, which fills groups evenly
        order = sorted(range(self.count), key=lambda at: (-int(self.sizes[at]), paths[at]))
        loads = [0] * count
        groups = np.empty(self.count, np.int64)
        for at in order:
            lightest = loads.index(min(loads))
            loads[lightest] += max(1, int(self.sizes[at]))
            groups[at] = lightest
        return groups

    def _file(self, manifest: Manifest, at: int) -> DataFile:
        path: str = manifest.paths[at].as_py()
        sequence = int(manifest.sequences[at])
        spec_id = manifest.spec_id
        partition = self._ordered(manifest, manifest.partitions[at])
        return DataFile(
            path=path,
            format=manifest.formats[at],
            size=int(manifest.sizes[at]),
            record_count=int(manifest.records[at]),
            sequence=sequence,
            spec_id=spec_id,
            partition=partition,
            deletes=self._deletes.of(path, sequence, spec_id, partition),
        )

    def _ordered(self, manifest: Manifest, stored: tuple[object, ...]) -> tuple[object, ...]:
        """Partition values by the fields of their spec: manifests may have another order."""
        by_id = {number: value for (number, _), value in zip(manifest.types, stored, strict=True)}
        return tuple(by_id.get(part.field_id) for part in self._specs[manifest.spec_id].fields)

    def _ordered_deletes(self, manifest: Manifest) -> Iterator[Delete]:
        for each in manifest.deletes:
            partition = self._ordered(manifest, each.file.partition)
            yield replace(each, file=replace(each.file, partition=partition))

    def _partition(
        self, spec_id: int, field_id: int, data: IcebergType, *, early: bool
    ) -> Column | None:
        values: list[object] = []
        for manifest in self._manifests:
            if manifest.spec_id != spec_id:
                values.extend([None] * len(manifest.formats))
                continue
            place = next((at for at, (n, _) in enumerate(manifest.types) if n == field_id), None)
            if place is None or not bounds.same_values(manifest.types[place][1], data):
                return None
            values.extend(stored[place] for stored in manifest.partitions)
        return bounds.partition(values, data, early=early)


def _joined(arrays: Iterable[Ints]) -> Ints:
    return np.concatenate([np.empty(0, np.int64), *arrays])
