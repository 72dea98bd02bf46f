"""The firm's half of the demo: the rows of portfolios, positions and transactions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from flight_server.demo.market import CURRENCY_CODES, Market
from flight_server.demo.vectors import Ints, dates, decimals, labels, moments, pick

DESKS = ("equities", "credit", "rates", "multi-asset")
_STRATEGIES = ("growth", "value", "income", "index", "absolute return")
_WORDS = ("Global", "European", "Nordic", "Pacific", "Atlantic", "Alpine")
_BENCHMARKS = (
    ("WORLD", "World equities", "USD", "Equinox"),
    ("EUROPE", "European equities", "EUR", "Equinox"),
    ("UK", "British equities", "GBP", "Equinox"),
    ("GOV", "Government bonds", "EUR", "Northstar"),
    ("CORP", "Corporate bonds", "USD", "Northstar"),
    ("CASH", "Overnight money", "USD", "Northstar"),
    ("SMALL", "Small companies", "USD", "Equinox"),
    ("GREEN", "Low-carbon equities", "EUR", "Equinox"),
)
_VENUES = ("XNYS", "XLON", "XPAR", "OTC")
ANNULLED = "annulled"
_STATUS = ("settled", "pending", ANNULLED)
_BASE = ("USD", "EUR", "GBP", "CHF")
_MICROS_PER_HOUR = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Firm:
    """What belongs to what. Desks go round: portfolio p is of desk `p % 4`.

    `holdings` has the securities of each portfolio, counted from 0. Account a puts its money into
    portfolio `a % portfolios`, so that an account and its portfolios are of one desk.
    """

    seed: int
    portfolios: int
    accounts: int
    holdings: NDArray[np.int64]

    @property
    def account_desk(self) -> NDArray[np.int64]:
        """The number of each account's desk in `DESKS`."""
        return np.arange(self.accounts) % self.portfolios % len(DESKS)


def make_firm(market: Market, *, portfolios: int, holdings: int, accounts: int) -> Firm:
    """Draw who holds what. `portfolios` must be a multiple of the number of desks."""
    rng = np.random.default_rng([market.seed, 11])
    held = min(holdings, market.count)
    order = np.argsort(rng.random((portfolios, market.count)), axis=1)
    return Firm(market.seed, portfolios, accounts, np.sort(order[:, :held], axis=1))


def portfolios(firm: Firm) -> pa.Table:
    """All rows of `portfolio.portfolios`."""
    rng = np.random.default_rng([firm.seed, 12])
    count = firm.portfolios
    index = np.arange(count)
    strategy = index // len(DESKS) % len(_STRATEGIES)
    names = np.strings.add(
        np.strings.add(np.array(_WORDS)[index % len(_WORDS)], " "),
        np.strings.add(
            np.array(_STRATEGIES)[strategy], np.strings.add(" ", (index + 1).astype("U4"))
        ),
    )
    return pa.table(
        {
            "portfolio_id": pa.array(index + 1, pa.int32()),
            "code": labels("PF", index + 1, 4),
            "name": names,
            "desk": pick(DESKS, index % len(DESKS)),
            "strategy": pick(_STRATEGIES, strategy),
            "base_currency": pick(_BASE, rng.integers(0, len(_BASE), count)),
            "inception_date": dates(np.datetime64("2005-01-01") + rng.integers(0, 6_000, count)),
            "assets": decimals(rng.integers(10**9, 5 * 10**11, count), 20, 2),
            "fee_rate": decimals(rng.integers(10, 160, count) * 100, 9, 6),
            "is_open": rng.random(count) < 0.9,
        }
    )


def benchmarks() -> pa.Table:
    """All rows of `portfolio.benchmarks`."""
    code, name, currency, provider = zip(*_BENCHMARKS, strict=True)
    return pa.table(
        {
            "benchmark_id": pa.array(range(1, len(code) + 1), pa.int32()),
            "code": list(code),
            "name": list(name),
            "currency": list(currency),
            "provider": list(provider),
        }
    )


def portfolio_accounts(firm: Firm) -> pa.Table:
    """All rows of `portfolio.portfolio_accounts`: every fifth account is in two portfolios."""
    rng = np.random.default_rng([firm.seed, 13])
    one = np.arange(firm.accounts)
    two = one[::5]
    account = np.concatenate([one, two])
    home = account % firm.portfolios
    second = np.concatenate([np.zeros(len(one), np.int64), np.full(len(two), len(DESKS))])
    portfolio = (home + second) % firm.portfolios
    owners = np.bincount(portfolio, minlength=firm.portfolios)
    since = np.datetime64("2012-01-01") + rng.integers(0, 3_600, len(account))
    ended = rng.random(len(account)) < 0.1
    return pa.table(
        {
            "portfolio_id": pa.array(portfolio + 1, pa.int32()),
            "account_id": pa.array(account + 1, pa.int32()),
            "desk": pick(DESKS, portfolio % len(DESKS)),
            "share": decimals(10**6 // owners[portfolio], 9, 6),
            "valid_from": dates(since),
            "valid_to": dates(since + 1_200, null=~ended),
        }
    )


def portfolio_benchmarks(firm: Firm) -> pa.Table:
    """All rows of `portfolio.portfolio_benchmarks`: two to a portfolio."""
    portfolio = np.repeat(np.arange(firm.portfolios), 2)
    second = np.tile([0, 1], firm.portfolios)
    benchmark = (portfolio + second * 3) % len(_BENCHMARKS)
    first_weight = 500_000 + portfolio % 5 * 100_000
    return pa.table(
        {
            "portfolio_id": pa.array(portfolio + 1, pa.int32()),
            "benchmark_id": pa.array(benchmark + 1, pa.int32()),
            "desk": pick(DESKS, portfolio % len(DESKS)),
            "weight": decimals(np.where(second, 10**6 - first_weight, first_weight), 9, 6),
            "valid_from": dates(np.full(len(portfolio), np.datetime64("2021-12-31"))),
        }
    )


def positions(firm: Firm, market: Market) -> Iterator[pa.Table]:
    """The rows of `portfolio.positions`, a table per two years. Needs the Fridays' closes."""
    years = market.fridays.astype("datetime64[Y]").astype(np.int64) // 2
    for pair in np.unique(years):
        yield _positions(firm, market, np.flatnonzero(years == pair))


def _positions(firm: Firm, market: Market, weeks: NDArray[np.intp]) -> pa.Table:
    rng = np.random.default_rng([firm.seed, 14, int(weeks[0])])
    shape = (len(weeks), *firm.holdings.shape)
    base = (firm.holdings * 7919 % 900 + 100) * 10  # the same in each week
    units: Ints = base * (80 + rng.integers(0, 41, shape)) // 100
    closes = market.friday_closes[weeks][:, firm.holdings]
    value = units * closes
    weight = value / value.sum(axis=2, keepdims=True)
    each = firm.holdings.size
    portfolio = np.repeat(np.arange(firm.portfolios), firm.holdings.shape[1])
    return pa.table(
        {
            "portfolio_id": pa.array(np.tile(portfolio + 1, len(weeks)), pa.int32()),
            "security_id": pa.array(np.tile(firm.holdings.ravel() + 1, len(weeks)), pa.int32()),
            "as_of_date": dates(np.repeat(market.fridays[weeks], each)),
            "desk": pick(DESKS, np.tile(portfolio % len(DESKS), len(weeks))),
            "quantity": decimals(units.ravel() * 10_000, 18, 4),
            "market_value": decimals(value.ravel(), 20, 2),
            "cost_basis": decimals((value * rng.integers(60, 120, shape) // 100).ravel(), 20, 2),
            "weight": np.round(weight.ravel(), 8),
            "currency": pick(
                CURRENCY_CODES, np.tile(market.currency[firm.holdings.ravel()], len(weeks))
            ),
        }
    )


def transactions(firm: Firm, market: Market, count: int) -> tuple[pa.Table, pa.Table, pa.Table]:
    """The rows of `portfolio.transactions` to 2023, of 2024 and of 2025, by date.

    One in a hundred of the first two is annulled. Only the last knows its `venue`. Needs the
    Fridays' closes.
    """
    rng = np.random.default_rng([firm.seed, 15])
    day = np.sort(rng.integers(0, len(market.fridays) * 7, count))
    trade_date = np.maximum(market.fridays[0] - 4 + day, market.fridays[0] - 4)
    account = rng.integers(0, firm.accounts, count)
    portfolio = account % firm.portfolios
    security = firm.holdings[portfolio, rng.integers(0, firm.holdings.shape[1], count)]
    cents = market.friday_closes[np.minimum(day // 7, len(market.fridays) - 1), security]
    units = rng.integers(1, 500, count) * 10
    executed = trade_date.astype("datetime64[us]") + rng.integers(
        8 * _MICROS_PER_HOUR, 17 * _MICROS_PER_HOUR, count
    )
    last_year = trade_date >= np.datetime64("2025-01-01")
    pending = trade_date >= np.datetime64("2025-12-29")
    status = np.where(pending, 1, np.where(~last_year & (rng.random(count) < 0.01), 2, 0))
    settled = trade_date.astype("datetime64[us]") + 2 * 24 * _MICROS_PER_HOUR
    table = pa.table(
        {
            "transaction_id": np.arange(1, count + 1),
            "account_id": pa.array(account + 1, pa.int32()),
            "portfolio_id": pa.array(portfolio + 1, pa.int32()),
            "security_id": pa.array(security + 1, pa.int32()),
            "desk": pick(DESKS, portfolio % len(DESKS)),
            "trade_date": dates(trade_date),
            "executed_at": moments(executed, utc=True),
            "settled_at": moments(settled, utc=False, null=status != 0),
            "side": pick(("buy", "sell"), rng.integers(0, 2, count)),
            "quantity": decimals(units * 10_000, 18, 4),
            "price": decimals(cents * 100, 18, 4),
            "amount": decimals(units * cents, 20, 2),
            "fee": decimals(units * cents // 2_000 + 100, 12, 2),
            "currency": pick(CURRENCY_CODES, market.currency[security]),
            "status": pick(_STATUS, status),
            "venue": pick(_VENUES, rng.integers(0, len(_VENUES), count)),
        }
    )
    first, second = np.searchsorted(
        trade_date, np.array(["2024-01-01", "2025-01-01"], "datetime64[D]")
    )
    plain = table.drop_columns("venue")
    return plain.slice(0, first), plain.slice(first, second - first), table.slice(second)
