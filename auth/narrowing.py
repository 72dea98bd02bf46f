"""What is left of a table's columns: visible leaves and masks → what is seen of each column."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from auth.grant import Expression, FieldGrant
from auth.masks import fits
from auth.matching import Part, Target, taken
from auth.rules import Mask

Bind = Callable[[Mask], Expression]


@dataclass(frozen=True, slots=True)
class Narrowed:
    """What is seen of each column, in table order, and the parts that no mask could cover."""

    columns: tuple[FieldGrant, ...]
    conflicts: tuple[Part, ...]


def narrow(target: Target, left: frozenset[int], masks: Iterable[Mask], bind: Bind) -> Narrowed:
    """The columns of which some of the leaves in `left` are seen.

    A struct is seen with those of its fields that are; a list or map only if all within it is. A
    mask replaces the outermost part that its pattern covers. That part is hidden where masks
    conflict, where something within it is hidden or has a mask that does not give way, and where it
    lies in a list or map, which cannot be taken apart.
    """
    anchored: dict[int, list[Mask]] = {}
    for mask in masks:
        for part in taken(mask.on, target):
            anchored.setdefault(part.number, []).append(mask)
    making = _Making(left, anchored, bind)
    seen = (making.see(part) for part in target.columns)
    columns = tuple(column for column in seen if column is not None)
    return Narrowed(columns, tuple(making.conflicts))


@dataclass(frozen=True, slots=True)
class _Making:
    left: frozenset[int]
    anchored: Mapping[int, list[Mask]]
    bind: Bind
    conflicts: list[Part] = field(default_factory=list)

    def see(self, part: Part) -> FieldGrant | None:
        if part.leaves.isdisjoint(self.left):
            return None
        if part.number in self.anchored:
            return self._masked(part, self.anchored[part.number])
        if not part.parts:
            return _whole(part.column.name)
        if part.is_whole:
            if not part.leaves <= self.left:
                return None
            if self._within(part):
                self.conflicts.append(part)
                return None
            return _whole(part.column.name)
        seen = [self.see(field) for field in part.parts]
        fields = tuple(each for each in seen if each is not None)
        if not fields:
            return None
        is_whole = len(fields) == len(seen) and all(each.is_whole for each in fields)
        return FieldGrant(part.column.name, fields=() if is_whole else fields)

    def _masked(self, part: Part, masks: list[Mask]) -> FieldGrant | None:
        highest = max(mask.priority for mask in masks)
        best = [mask for mask in masks if mask.priority == highest]
        chosen = min(best, key=lambda mask: mask.name)
        rivals = [mask for mask in self._within(part) if mask.priority >= highest]
        if (
            any(mask.using != chosen.using for mask in (*best, *rivals))
            or not part.leaves <= self.left  # the mask's value would bring the rest along
            or (chosen.built_in is not None and not fits(chosen.built_in, part.column.type))
        ):
            self.conflicts.append(part)
            return None
        return FieldGrant(part.column.name, mask=self.bind(chosen))

    def _within(self, part: Part) -> list[Mask]:
        return [mask for each in part.within for mask in self.anchored.get(each.number, ())]


@lru_cache(maxsize=65_536)  # most columns are seen as they are, and names recur
def _whole(name: str) -> FieldGrant:
    return FieldGrant(name)
