"""A metastore that speaks Hive's Thrift protocol over a real SQL catalog, for readers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import NoSuchTableError


class _Metastore:
    """What a reader asks, by the names that the protocol gives it."""

    def __init__(self, source: Catalog, types: Any) -> None:
        self.source = source
        self.types = types

    def get_all_databases(self) -> list[str]:
        return [".".join(each) for each in self.source.list_namespaces()]

    def get_all_tables(self, db_name: str) -> list[str]:
        if (db_name,) not in self.source.list_namespaces():
            return []
        return [each[-1] for each in self.source.list_tables((db_name,))]

    def get_table_objects_by_name(self, dbname: str, tbl_names: list[str]) -> list[Any]:
        return [self.get_table(dbname, name) for name in tbl_names]

    def get_table(self, dbname: str, tbl_name: str) -> Any:
        try:
            table = self.source.load_table((dbname, tbl_name))
        except NoSuchTableError as error:
            raise self.types.NoSuchObjectException(str(error)) from error
        parameters = {"table_type": "ICEBERG", "metadata_location": table.metadata_location}
        return self.types.Table(
            dbName=dbname, tableName=tbl_name, owner="", parameters=parameters, sd=None
        )


@contextmanager
def metastore(source: Catalog) -> Iterator[str]:
    """Serve a catalog; gives the URI. Needs the extra `hive`."""
    from hive_metastore import ThriftHiveMetastore, ttypes
    from thrift.protocol import TBinaryProtocol
    from thrift.transport import TSocket, TTransport

    processor = ThriftHiveMetastore.Processor(_Metastore(source, ttypes))

    def serve(client: socket.socket) -> None:
        transport = TSocket.TSocket()
        transport.setHandle(client)
        framed = TTransport.TBufferedTransport(transport)
        protocol = TBinaryProtocol.TBinaryProtocol(framed)
        try:
            while True:
                processor.process(protocol, protocol)
        except (TTransport.TTransportException, OSError):
            pass
        finally:
            framed.close()

    def accept() -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(client,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        yield f"thrift://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
    accepting.join()
