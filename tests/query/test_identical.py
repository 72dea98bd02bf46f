"""What was made of objects is found again by these objects, and by no others."""

from __future__ import annotations

from flight_server.query.identical import Identical


def test_the_same_objects_are_not_made_of_again_and_equal_ones_are() -> None:
    made: list[int] = []
    kept: Identical[int] = Identical(10)

    def make() -> int:
        made.append(len(made))
        return made[-1]

    one, equal = [1], [1]
    assert [kept.get((one,), ("x",), make) for _ in range(3)] == [0, 0, 0]
    assert kept.get((equal,), ("x",), make) == 1
    assert kept.get((one,), ("y",), make) == 2
    assert kept.get((one, equal), (), make) == 3
    assert kept.get((one,), ("x",), make) == 0


def test_only_the_latest_used_are_kept() -> None:
    kept: Identical[int] = Identical(2)
    objects = [object() for _ in range(3)]
    kept.get((objects[0],), (), lambda: 0)
    kept.get((objects[1],), (), lambda: 1)
    kept.get((objects[0],), (), lambda: -1)
    kept.get((objects[2],), (), lambda: 2)
    assert kept.get((objects[0],), (), lambda: -1) == 0
    assert kept.get((objects[1],), (), lambda: -1) == -1


def test_nothing_that_was_made_is_lost_where_it_is_nothing() -> None:
    kept: Identical[None] = Identical(2)
    made: list[int] = []
    one = object()
    for _ in range(2):
        kept.get((one,), (), lambda: made.append(1))
    assert made == [1]
