"""The double: Athena, S3, Glue and STS on one port of this machine, with faults on demand."""

from __future__ import annotations

import random
import secrets
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from pyiceberg.catalog.glue import GlueCatalog
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from flight_server.testing.athena import lake
from flight_server.testing.athena.errors import USER, ApiError
from flight_server.testing.athena.execution import Execution
from flight_server.testing.athena.executions import Executions
from flight_server.testing.athena.faults import (
    Call,
    Faults,
    Limits,
    broken_statement,
    throttled,
)
from flight_server.testing.athena.groups import DataCatalogs, Groups
from flight_server.testing.athena.metadata import Metadata
from flight_server.testing.athena.run import run
from flight_server.testing.athena.statement import Authorize, Surroundings
from flight_server.testing.athena.store import Store
from flight_server.testing.athena.wire import Application

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

KEY = "testing"
"""The access key of `client`, `iceberg` and `environment`; any other is accepted as well."""


class AthenaDouble:
    """Amazon Athena that executes: statements run in DuckDB over the tables of a Glue catalog.

    `with AthenaDouble() as aws:` serves at `aws.endpoint` until the block ends. An UNLOAD writes
    `unload_files` files; `strict` refuses functions that Trino does not have; `authorize` tells the
    columns that an access key may see, as Lake Formation does.
    """

    def __init__(
        self,
        *,
        region: str = "us-east-1",
        port: int = 0,
        unload_files: int = 3,
        strict: bool = True,
        authorize: Authorize | None = None,
    ) -> None:
        self.region = region
        self.account = f"{secrets.randbelow(10**12):012d}"
        self._faults = Faults()
        self._port = port
        self._unload_files, self._strict, self._authorize = unload_files, strict, authorize
        self._server: BaseWSGIServer | None = None
        self._thread: threading.Thread | None = None
        self._store: Store | None = None
        self._executions: Executions | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> Self:
        """Serve, until `close`."""
        moto = DomainDispatcherApplication(create_backend_app)

        def others(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            environ["HTTP_X_MOTO_ACCOUNT_ID"] = self.account
            answer: Iterable[bytes] = moto(environ, start_response)
            return answer

        waiting: list[Application] = []

        def first(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            return waiting[0](environ, start_response)

        server = make_server("127.0.0.1", self._port, first, threaded=True, request_handler=_Silent)
        self._server = server
        self._store = Store(self.endpoint, self.region)
        groups, catalogs = Groups(), DataCatalogs()
        around = Surroundings(
            store=self._store,
            groups=groups,
            faults=self._faults,
            unload_files=self._unload_files,
            strict=self._strict,
            authorize=self._authorize,
            chance=random.Random(self._unload_files),  # noqa: S311 - the order of files, no secret
        )
        self._executions = Executions(around, run)
        operations = {
            **groups.operations(),
            **catalogs.operations(),
            **Metadata(self._store, catalogs).operations(),
            **self._executions.operations(),
        }
        waiting.append(Application(operations, self._faults, others))
        self._thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop what runs, throw everything away and stop serving."""
        if self._server is None or self._executions is None or self._thread is None:
            return
        self._executions.close()
        lake.empty(self._stored())
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server = None

    @property
    def endpoint(self) -> str:
        """The URL of all services."""
        if self._server is None:
            raise RuntimeError("the double is not serving")
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which AWS's tools and libraries find the double."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": KEY,
            "AWS_DEFAULT_REGION": self.region,
        }

    # -- what is stored

    def client(self, service: str, access_key: str = KEY) -> Any:
        """A boto3 client of `athena`, `s3`, `glue` or `sts`."""
        return self._stored().client(service, access_key)

    def catalog_properties(self, access_key: str = KEY) -> dict[str, str]:
        """The properties of a pyiceberg Glue catalog over the double."""
        return self._stored().properties(access_key)

    def iceberg(self) -> GlueCatalog:
        """The Iceberg tables of the Glue catalog."""
        return self._stored().iceberg()

    def put_bucket(self, name: str) -> None:
        """Make a bucket. The doubles of one process share the names of buckets."""
        lake.put_bucket(self._stored(), name, self.region)

    def put_table(
        self,
        name: str,
        data: pa.Table,
        location: str,
        *,
        file_format: str = "iceberg",
        partitioned_by: Sequence[str] = (),
    ) -> None:
        """Make `database.table` of rows: `iceberg`, or a Hive table of `parquet`, `orc`, `csv`
        (with quotes and a header) or `text` files. A database that is not there is made.
        """
        lake.put_table(
            self._stored(),
            name,
            lake.Data(data, location.rstrip("/"), file_format, tuple(partitioned_by)),
        )

    def put_view(self, name: str, query: str, columns: Mapping[str, str]) -> None:
        """Make the view `database.view` of a query; `columns` have Trino types."""
        lake.put_view(self._stored(), name, query, columns)

    def objects(self, url: str) -> list[str]:
        """The objects under an S3 URL."""
        return list(self._stored().listed(url))

    def drop_object(self, url: str) -> None:
        """Delete an object, as a manifest's file that is gone."""
        self._stored().delete(url)

    # -- what happened

    @property
    def calls(self) -> list[Call]:
        """The calls so far: Athena's by name, others as `s3:GetObject`."""
        return self._faults.calls

    @property
    def executions(self) -> list[Execution]:
        """All executions, in the order in which they were started."""
        return [] if self._executions is None else self._executions.all()

    # -- what goes wrong

    def throttle(self, operation: str, times: int = 1) -> None:
        """Answer the next calls of an operation (as `s3:GetObject`) as throttled."""
        self._faults.fail(operation, times, throttled(operation))

    def fail(
        self,
        operation: str,
        times: int = 1,
        *,
        code: str = "InternalServerException",
        message: str = "We encountered an internal error.",
        status: int = 500,
    ) -> None:
        """Answer the next calls of an operation with an error; -1 times is for good."""
        self._faults.fail(operation, times, ApiError(code, message, status=status))

    def fail_statement(self, reason: str, *, category: int = USER, retryable: bool = False) -> None:
        """Let the next statement end as FAILED; category 1 is the system's fault, 2 the user's."""
        self._faults.fail_statement(
            broken_statement(reason, category=category, retryable=retryable)
        )

    def latency(self, seconds: float, of: str = "run") -> None:
        """Let every statement `queue` or `run` for longer, or an operation take longer."""
        self._faults.latency(seconds, of)

    def limit(self, concurrent: int = 20, queued: int = 0) -> None:
        """How many statements run at once and how many wait; one more is refused."""
        self._faults.limits = Limits(concurrent, queued)

    def lose_files(self, count: int = 1) -> None:
        """Let the manifest of the next UNLOAD name files that are not there."""
        self._faults.lose_files(count)

    def expire_credentials(self, access_key: str | None = None) -> None:
        """Refuse an access key, or all of them, until `renew_credentials`; STS still answers."""
        self._faults.expire(access_key)

    def renew_credentials(self) -> None:
        """Accept all credentials again."""
        self._faults.renew()

    def clear_faults(self) -> None:
        """Take back every order; the log of calls stays."""
        self._faults.clear()

    def _stored(self) -> Store:
        if self._store is None:
            raise RuntimeError("the double is not serving")
        return self._store


class _Silent(WSGIRequestHandler):
    """Answers without a line in the log for each request."""

    def log(self, type: str, message: str, *args: Any) -> None:
        """Nothing."""
