"""What can go wrong in an engine. Each text is fit for a client; the cause is for the log."""

from __future__ import annotations


class EngineError(Exception):
    """An engine could not run a statement."""


class BindFailed(EngineError):
    """A statement does not fit its tables: an unknown column, function or a type mismatch.

    `position` is the offset of the fault in the statement in characters, from 0, where known;
    `kind` is `column`, `table`, `function` or `other`.
    """

    def __init__(self, message: str, *, position: int | None = None, kind: str = "other") -> None:
        super().__init__(message)
        self.position = position
        self.kind = kind


class ExecutionFailed(EngineError):
    """The data did not allow the statement: a failed cast, an overflow. Never shows a value."""


class OutOfResources(EngineError):
    """The statement needed more memory, disk or message size than it may have.

    `memory` says that it was memory or disk to work with: an engine with more of it may do better.
    """

    def __init__(self, message: str, *, memory: bool = False) -> None:
        super().__init__(message)
        self.memory = memory


class TimedOut(EngineError):
    """The statement ran past its deadline and was ended."""


class Cancelled(EngineError):
    """The statement was cancelled by its client."""


class WorkerLost(EngineError):
    """The worker process died in mid-statement; the statement may be tried again."""


class Busy(EngineError):
    """No worker became free in time; try again later."""


class StorageFailed(EngineError):
    """The storage of a table did not answer, or refused; the statement may be tried again."""


class DataMissing(EngineError):
    """A file that a table's metadata names is not there, or is another one."""


class OutsideTable(EngineError):
    """A table's metadata names a file that does not lie under the table's location."""


class UnsupportedData(EngineError):
    """The table's files use something that this engine refuses to read."""


class EngineUnavailable(EngineError):
    """The service that runs statements did not answer, or did not take the server for itself."""


class NoEngine(EngineError):
    """No engine can run the statement over these tables, or the one that is asked for cannot."""


class Untranslatable(EngineError):
    """A statement uses what has no proven form in the dialect of the engine that is to run it.

    `construct` names it and `position` is its offset in the statement in characters, from 0, where
    known: a construct that a policy brings in has none.
    """

    def __init__(self, construct: str, position: int | None = None) -> None:
        where = "" if position is None else f", at character {position + 1},"
        super().__init__(f"{construct}{where} cannot be translated for Athena.")
        self.construct = construct
        self.position = position
