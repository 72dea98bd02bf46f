"""Makes the demo's tables and fills them, with all that happens to tables in a lake's life.

Each table gets more than one snapshot, some get a renamed or an added column, `transactions` gets
rows deleted by position, and `prices` a named snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyiceberg.catalog import Catalog
from pyiceberg.table import Table
from pyiceberg.types import StringType

from flight_server.demo import clients, firm, market, market_tables, portfolio_tables
from flight_server.demo.deletes import delete_rows
from flight_server.demo.firm import Firm
from flight_server.demo.market import Market
from flight_server.demo.spec import TableSpec
from flight_server.demo.writer import append, create

NAMED_SNAPSHOT = "end-of-2024"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many of what there are."""

    securities: int
    portfolios: int
    holdings: int
    accounts: int
    transactions: int

    @classmethod
    def of(cls, scale: float) -> Sizes:
        """The sizes of a scale; none so small that a table loses its point."""
        desks = len(firm.DESKS)
        return cls(
            securities=max(50, round(5_000 * scale)),
            portfolios=max(3, round(16 * scale)) * desks,
            holdings=max(10, round(80 * min(scale, 10))),
            accounts=max(240, round(10_000 * scale)),
            transactions=max(6_000, round(600_000 * scale)),
        )


@dataclass(slots=True)
class _Steps:
    """Tells the progress; a step is as much work as it has rows."""

    tell: Callable[[str, float], None]
    total: int
    done: int = 0

    def next(self, what: str) -> None:
        self.tell(what, min(self.done / self.total, 0.99))


def load(
    catalog: Catalog, sizes: Sizes, seed: int, progress: Callable[[str, float], None]
) -> dict[str, int]:
    """Make and fill all tables; gives the number of live rows by `schema.table`."""
    prices = sizes.securities * 1_043
    positions = sizes.portfolios * sizes.holdings * 209
    steps = _Steps(progress, prices + positions + sizes.transactions + sizes.accounts)
    for schema, comment in (
        ("market", "What can be bought, and what it costs."),
        ("portfolio", "What the firm manages, and for whom."),
    ):
        catalog.create_namespace(schema, {"comment": comment})
    loader = _Loader(catalog, steps, {})
    securities = market.make_market(sizes.securities, seed)
    clientele = firm.make_firm(
        securities,
        portfolios=sizes.portfolios,
        holdings=sizes.holdings,
        accounts=sizes.accounts,
    )
    loader.market(securities)
    loader.clients(clientele)
    loader.positions(clientele, securities)
    loader.transactions(clientele, securities, sizes.transactions)
    return loader.rows


@dataclass(frozen=True, slots=True)
class _Loader:
    catalog: Catalog
    steps: _Steps
    rows: dict[str, int]

    def market(self, securities: Market) -> None:
        self._whole(market_tables.CURRENCIES, market.currencies())
        self._renamed(
            market_tables.SECURITIES, market.securities(securities), old="industry", new="sector"
        )
        prices = self._create(market_tables.PRICES)
        for year in market.prices(securities):
            self._append(prices, market_tables.PRICES, year)
        year_before_last = prices.snapshots()[-2].snapshot_id
        prices.manage_snapshots().create_tag(year_before_last, NAMED_SNAPSHOT).commit()
        self._halves(market_tables.CORPORATE_ACTIONS, market.corporate_actions(securities))

    def clients(self, clientele: Firm) -> None:
        self._whole(portfolio_tables.BENCHMARKS, firm.benchmarks())
        self._halves(portfolio_tables.PORTFOLIOS, firm.portfolios(clientele))
        holders = clients.accounts(
            clientele.accounts, firm.DESKS, clientele.account_desk, clientele.seed
        )
        self._renamed(portfolio_tables.ACCOUNTS, holders, old="mail", new="email")
        self._halves(portfolio_tables.PORTFOLIO_ACCOUNTS, firm.portfolio_accounts(clientele))
        self._whole(portfolio_tables.PORTFOLIO_BENCHMARKS, firm.portfolio_benchmarks(clientele))

    def positions(self, clientele: Firm, securities: Market) -> None:
        table = self._create(portfolio_tables.POSITIONS)
        for part in firm.positions(clientele, securities):
            self._append(table, portfolio_tables.POSITIONS, part)

    def transactions(self, clientele: Firm, securities: Market, count: int) -> None:
        spec = portfolio_tables.TRANSACTIONS
        table = self._create(spec)
        *before, last = firm.transactions(clientele, securities, count)
        for part in before:
            self._append(table, spec, part)
        self.rows[_name(spec)] -= delete_rows(table, ["status"], _annulled)
        with table.update_schema() as change:
            change.add_column("venue", StringType(), "Where it was executed; unknown until 2024.")
        self._append(table, spec, last)

    def _whole(self, spec: TableSpec, rows: pa.Table) -> None:
        self._append(self._create(spec), spec, rows)

    def _halves(self, spec: TableSpec, rows: pa.Table) -> None:
        table = self._create(spec)
        for part in _split(rows, rows.num_rows // 2):
            self._append(table, spec, part)

    def _renamed(self, spec: TableSpec, rows: pa.Table, *, old: str, new: str) -> None:
        """Most rows come under the old name of a column, the others under the new one."""
        table = self._create(spec)
        first, second = _split(rows, rows.num_rows * 4 // 5)
        self._append(table, spec, first)
        with table.update_schema() as change:
            change.rename_column(old, new)
        names = [new if name == old else name for name in second.column_names]
        self._append(table, spec, second.rename_columns(names))

    def _create(self, spec: TableSpec) -> Table:
        self.steps.next(_name(spec))
        self.rows[_name(spec)] = 0
        return create(self.catalog, spec)

    def _append(self, table: Table, spec: TableSpec, rows: pa.Table) -> None:
        append(table, rows)
        self.rows[_name(spec)] += rows.num_rows
        self.steps.done += rows.num_rows
        self.steps.next(_name(spec))


def _name(spec: TableSpec) -> str:
    return f"{spec.schema}.{spec.name}"


def _split(rows: pa.Table, at: int) -> Iterator[pa.Table]:
    yield rows.slice(0, at)
    yield rows.slice(at)


def _annulled(rows: pa.Table) -> NDArray[np.bool_]:
    marked: NDArray[np.bool_] = pc.equal(rows.column("status"), firm.ANNULLED).to_numpy()
    return marked
