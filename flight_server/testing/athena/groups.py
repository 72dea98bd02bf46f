"""Work groups, prepared statements and data catalogs: what is set up before statements run."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

from flight_server.testing.athena.errors import ApiError, invalid
from flight_server.testing.athena.wire import Operation

ENGINE = {"SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "Athena engine version 3"}
_CATALOG = {"CatalogName": "AwsDataCatalog", "Type": "GLUE"}


class Groups:
    """Work groups with their prepared statements. `primary` is always there."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._groups: dict[str, dict[str, Any]] = {}
        self._prepared: dict[tuple[str, str], str] = {}
        self._create({"Name": "primary"}, enforce=False)

    def operations(self) -> Mapping[str, Operation]:
        """The calls that are answered here."""
        return {
            "GetWorkGroup": lambda r: {"WorkGroup": self.get(r["WorkGroup"])},
            "CreateWorkGroup": self.create,
            "UpdateWorkGroup": self.update,
            "ListWorkGroups": self._list,
            "DeleteWorkGroup": self._delete,
            "ListEngineVersions": lambda r: {"EngineVersions": [dict(ENGINE)]},
            "CreatePreparedStatement": self._prepare,
            "GetPreparedStatement": self._get_prepared,
            "ListPreparedStatements": self._list_prepared,
            "DeletePreparedStatement": self._delete_prepared,
        }

    def get(self, name: str) -> dict[str, Any]:
        """A work group. Raises `ApiError`."""
        with self._lock:
            if name not in self._groups:
                raise invalid(f"WorkGroup {name} is not found.")
            return self._groups[name]

    def settings(self, name: str) -> dict[str, Any]:
        """The configuration of a work group."""
        configuration: dict[str, Any] = self.get(name)["Configuration"]
        return configuration

    def create(self, request: dict[str, Any]) -> dict[str, Any]:
        """Make a work group; it enforces its settings unless the request says otherwise."""
        with self._lock:
            if request["Name"] in self._groups:
                raise invalid(f"WorkGroup {request['Name']} is already created")
        self._create(request, enforce=True)
        return {}

    def update(self, request: dict[str, Any]) -> dict[str, Any]:
        """Change the settings of a work group."""
        changes = dict(request.get("ConfigurationUpdates") or {})
        results = changes.pop("ResultConfigurationUpdates", None) or {}
        settings = self.settings(request["WorkGroup"])
        if changes.pop("RemoveBytesScannedCutoffPerQuery", False):
            settings.pop("BytesScannedCutoffPerQuery", None)
        settings.update(changes)
        if results.get("RemoveOutputLocation"):
            settings["ResultConfiguration"].pop("OutputLocation", None)
        elif "OutputLocation" in results:
            settings["ResultConfiguration"]["OutputLocation"] = results["OutputLocation"]
        return {}

    def prepared(self, group: str, name: str) -> str | None:
        """The text of a prepared statement."""
        return self._prepared.get((group, name))

    def prepare(self, group: str, name: str, text: str) -> None:
        """Keep a prepared statement."""
        self._prepared[group, name] = text

    def forget(self, group: str, name: str) -> None:
        """Forget a prepared statement."""
        self._prepared.pop((group, name), None)

    def _create(self, request: dict[str, Any], *, enforce: bool) -> None:
        settings = {
            "EnforceWorkGroupConfiguration": enforce,
            "ResultConfiguration": {},
            **(request.get("Configuration") or {}),
            "EngineVersion": dict(ENGINE),
        }
        with self._lock:
            self._groups[request["Name"]] = {
                "Name": request["Name"],
                "State": "ENABLED",
                "Description": request.get("Description", ""),
                "CreationTime": time.time(),
                "Configuration": settings,
            }

    def _list(self, request: dict[str, Any]) -> dict[str, Any]:
        shown = ("Name", "State", "Description", "CreationTime")
        groups = [{name: group[name] for name in shown} for group in self._groups.values()]
        return {"WorkGroups": groups}

    def _delete(self, request: dict[str, Any]) -> dict[str, Any]:
        self._groups.pop(request["WorkGroup"], None)
        return {}

    def _prepare(self, request: dict[str, Any]) -> dict[str, Any]:
        self.prepare(request["WorkGroup"], request["StatementName"], request["QueryStatement"])
        return {}

    def _get_prepared(self, request: dict[str, Any]) -> dict[str, Any]:
        group, name = request["WorkGroup"], request["StatementName"]
        text = self.prepared(group, name)
        if text is None:
            raise ApiError(
                "ResourceNotFoundException",
                f"PreparedStatement {name} was not found in workgroup {group}",
            )
        return {
            "PreparedStatement": {
                "StatementName": name,
                "QueryStatement": text,
                "WorkGroupName": group,
            }
        }

    def _list_prepared(self, request: dict[str, Any]) -> dict[str, Any]:
        names = [name for group, name in self._prepared if group == request["WorkGroup"]]
        return {"PreparedStatements": [{"StatementName": name} for name in names]}

    def _delete_prepared(self, request: dict[str, Any]) -> dict[str, Any]:
        self.forget(request["WorkGroup"], request["StatementName"])
        return {}


class DataCatalogs:
    """The data catalogs of the account: Glue's, and names of others without anything in them."""

    def __init__(self) -> None:
        self._catalogs: dict[str, dict[str, Any]] = {"awsdatacatalog": dict(_CATALOG)}

    def operations(self) -> Mapping[str, Operation]:
        """The calls that are answered here."""
        return {
            "ListDataCatalogs": lambda r: {"DataCatalogsSummary": list(self._catalogs.values())},
            "GetDataCatalog": self._get,
            "CreateDataCatalog": self._create,
            "DeleteDataCatalog": self._delete,
        }

    def check(self, name: str | None) -> dict[str, Any]:
        """The catalog of a name in any case. Raises `ApiError`."""
        found = self._catalogs.get((name or "AwsDataCatalog").lower())
        if found is None:
            raise invalid(f"Catalog {name} is not found.")
        return found

    def _get(self, request: dict[str, Any]) -> dict[str, Any]:
        found = self.check(request["Name"])
        shown = {"Name": found["CatalogName"], "Type": found["Type"], "Parameters": {}}
        return {"DataCatalog": shown}

    def _create(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["Name"]
        self._catalogs[name.lower()] = {"CatalogName": name, "Type": request["Type"]}
        return {}

    def _delete(self, request: dict[str, Any]) -> dict[str, Any]:
        self._catalogs.pop(request["Name"].lower(), None)
        return {}
