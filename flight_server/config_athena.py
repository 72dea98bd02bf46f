"""The settings of Athena: as whom and where statements run, how many, and at what price."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from flight_server.config_values import Seconds, Section, Size


class AthenaRoleSettings(Section):
    """As whom statements of a group run; what is not given is as it is for all others."""

    workgroup: str | None = Field(None, description="Work group of these statements.")
    staging: str | None = Field(None, description="Prefix of their results.")
    role: str | None = Field(None, description="IAM role that is assumed for them.")
    external_id: str | None = Field(None, description="External id that the role asks for.")
    delivery: Literal["unload", "csv", "pages"] | None = Field(
        None, description="How their results come back."
    )


class AthenaSettings(Section):
    """Statements that Athena runs. Without a region there is no such engine."""

    region: str | None = Field(None, description="AWS region; turns the engine on.")
    workgroup: str = Field("primary", description="Work group in which statements run.")
    staging: str = Field(
        "", description="`s3://` prefix for results, that only the server reads; needed by unload."
    )
    role: str | None = Field(
        None, description="IAM role that statements run as; else the server's own credentials."
    )
    external_id: str | None = Field(None, description="External id that the role asks for.")
    delivery: Literal["unload", "csv", "pages"] = Field(
        "unload", description="How results come back; pages where a work group manages results."
    )
    groups: dict[str, AthenaRoleSettings] = Field(
        {},
        description="Other roles by group of users; the first in order that a user is in counts.",
    )
    large: Size = Field(
        2**30, description="Bytes from which on Athena runs what DuckDB could run as well."
    )
    most: Size = Field(
        0, description="Bytes that one statement may read on Athena, as estimated; 0 for any."
    )
    assumed: Size = Field(
        2**30,
        description="Bytes that a statement counts with in budgets until it has ended, where its"
        " tables tell no size.",
    )
    patience: float = Field(
        5.0,
        ge=0,
        description="Seconds of waiting for a worker, as estimated, from which on Athena runs what"
        " DuckDB could run as well, if it has a place; 0 for never.",
    )
    second: bool = Field(
        True,
        description="Whether Athena runs what needed more memory than DuckDB may have, and could"
        " run on both.",
    )
    bring: Size = Field(
        2**30,
        description="Bytes of tables that only Athena reads which one statement may bring here, to"
        " join them with what Athena does not read; 0 for none.",
    )
    bring_total: Size = Field(
        4 * 2**30, description="Bytes that all statements together may have brought here."
    )
    concurrent: int = Field(20, ge=1, description="Statements that run on Athena at once.")
    queued: int = Field(100, ge=0, description="Statements that may wait for that.")
    queue: Seconds = Field(60.0, description="Seconds that a statement waits.")
    prefetch: int = Field(3, ge=1, description="Files of a result that are fetched ahead.")
    sort: Size = Field(
        64 * 2**20,
        description="Largest result that is put in order here, as Athena's files are not.",
    )
    price: float = Field(5.0, ge=0, description="USD for each TiB that Athena reads.")
    endpoint: str | None = Field(
        None, description="One URL for all AWS services, for tests and private endpoints."
    )
