"""How the Athena engine is set up: where it runs, as whom, how much at once, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MIB = 1024 * 1024

# How results come back: as Parquet files, as one CSV file, or in pages of the API.
Delivery = Literal["unload", "csv", "pages"]


@dataclass(frozen=True, slots=True)
class AthenaRole:
    """As whom statements run: an IAM role (None: the server's own credentials), its work group.

    `staging` is an `s3://` prefix that only the server reads: results are outside of all policies.
    It is empty where the work group manages its results itself.
    """

    workgroup: str = "primary"
    staging: str = ""
    role_arn: str | None = None
    external_id: str | None = None
    delivery: Delivery = "unload"


@dataclass(frozen=True, slots=True)
class AthenaSettings:
    """Sizes in bytes, times in seconds.

    `default` is as whom statements run; `by_group` are other roles, by the first group in order
    that a principal is in. `concurrent` statements run at once, `queued` more wait for at most
    `queue_seconds`. `poll_first`, times `poll_factor` each time, up to `poll_most` lie between two
    looks at a statement. `prefetch` files are fetched ahead, whole up to `whole_file`, larger ones
    by ranges. An ordered result whose files are at most `sort_bytes` is sorted in memory; files of
    a larger one must be in order themselves. `attempts` bounds how often a statement is started
    that failed for no fault of its own, `unreachable_seconds` how long Athena may not answer.
    `price_per_tb` is in USD; `assumed` is what a statement is expected to read where its tables
    tell no size. `endpoint` is for tests and private endpoints: one for all services.
    """

    region: str = "us-east-1"
    default: AthenaRole = AthenaRole()
    by_group: tuple[tuple[str, AthenaRole], ...] = ()
    catalog: str = "AwsDataCatalog"
    concurrent: int = 20
    queued: int = 100
    queue_seconds: float = 60.0
    poll_first: float = 0.1
    poll_factor: float = 1.5
    poll_most: float = 2.0
    prefetch: int = 3
    whole_file: int = 64 * MIB
    sort_bytes: int = 64 * MIB
    attempts: int = 2
    unreachable_seconds: float = 30.0
    request_seconds: float = 20.0
    price_per_tb: float = 5.0
    assumed: int = 1024 * MIB
    endpoint: str | None = None
