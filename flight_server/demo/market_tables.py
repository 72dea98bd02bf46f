"""The market's tables as declared: securities and what they cost."""

from __future__ import annotations

from pyiceberg.transforms import IdentityTransform, MonthTransform, TruncateTransform
from pyiceberg.types import (
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    IntegerType,
    ListType,
    LongType,
    NestedField,
    StringType,
    StructType,
    TimestampType,
    TimestamptzType,
)

from flight_server.demo.spec import Col, ForeignKey, TableSpec

_OWNER = "market-data@example.com"

CURRENCIES = TableSpec(
    schema="market",
    name="currencies",
    role="lookup",
    comment="Currencies in which securities trade and portfolios are kept.",
    owner=_OWNER,
    columns=(
        Col("currency", StringType(), "ISO 4217 code.", key=True),
        Col("name", StringType(), "Name in English.", required=True),
        Col("symbol", StringType(), "Sign used on statements."),
        Col("minor_units", IntegerType(), "Digits after the point."),
        Col("is_base", BooleanType(), "Whether portfolios may be kept in it."),
    ),
)
SECURITIES = TableSpec(
    schema="market",
    name="securities",
    role="dimension",
    comment="Securities that the firm follows, one row each.",
    owner=_OWNER,
    partition=("isin", TruncateTransform(2)),
    columns=(
        Col("security_id", IntegerType(), "The firm's own number.", key=True),
        Col("isin", StringType(), "International identifier.", required=True),
        Col("ticker", StringType(), "Symbol on the exchange."),
        Col("name", StringType(), "Name of the issue.", required=True),
        Col("asset_class", StringType(), "equity, government bond, corporate bond or fund."),
        Col("industry", StringType(), "Industry of the issuer."),  # renamed to sector later
        Col("country", StringType(), "ISO 3166 code of the issuer's country."),
        Col("exchange", StringType(), "ISO 10383 code of the main exchange."),
        Col("currency", StringType(), "Currency in which it trades."),
        Col("issued_on", DateType(), "First day of trading."),
        Col("coupon_rate", DecimalType(9, 6), "Yearly coupon of a bond, 0.05 for 5 %."),
        Col("lot_size", IntegerType(), "Smallest number that trades."),
        Col("is_active", BooleanType(), "Whether it still trades."),
        Col("esg_score", DoubleType(), "From 0 to 100, higher is better."),
        Col("ratings", ListType(101, StringType(), False), "Credit ratings, best agency first."),
        Col(
            "identifiers",
            StructType(
                NestedField(111, "figi", StringType(), False, doc="Financial instrument id."),
                NestedField(112, "lei", StringType(), False, doc="Legal entity id of the issuer."),
                NestedField(113, "sedol", StringType(), False, doc="London code."),
            ),
            "The names that others give it.",
        ),
        Col("updated_at", TimestamptzType(), "When the row last changed."),
    ),
    foreign_keys=(ForeignKey(("currency",), "market.currencies", ("currency",)),),
)
PRICES = TableSpec(
    schema="market",
    name="prices",
    role="fact",
    comment="Daily prices of all securities, one row per security and business day.",
    owner=_OWNER,
    partition=("price_date", MonthTransform()),
    columns=(
        Col("security_id", IntegerType(), "The security.", key=True),
        Col("price_date", DateType(), "The business day.", key=True),
        Col("open", DecimalType(18, 4), "First price of the day."),
        Col("high", DecimalType(18, 4), "Highest price of the day."),
        Col("low", DecimalType(18, 4), "Lowest price of the day."),
        Col("close", DecimalType(18, 4), "Last price of the day.", required=True),
        Col("volume", LongType(), "Number of units traded."),
        Col("daily_return", DoubleType(), "Logarithm of close over the close of the day before."),
        Col("currency", StringType(), "Currency of the prices."),
    ),
    foreign_keys=(
        ForeignKey(("security_id",), "market.securities", ("security_id",)),
        ForeignKey(("currency",), "market.currencies", ("currency",)),
    ),
)
CORPORATE_ACTIONS = TableSpec(
    schema="market",
    name="corporate_actions",
    role="fact",
    comment="Dividends, coupons, splits and mergers.",
    owner=_OWNER,
    partition=("action_type", IdentityTransform()),
    columns=(
        Col("action_id", LongType(), "Number of the action.", key=True),
        Col("security_id", IntegerType(), "The security.", required=True),
        Col("action_type", StringType(), "dividend, coupon, split or merger.", required=True),
        Col("ex_date", DateType(), "First day without the right."),
        Col("payment_date", DateType(), "Day of payment, if anything is paid."),
        Col("amount", DecimalType(18, 6), "Paid per unit."),
        Col("ratio", DoubleType(), "New units for one old unit."),
        Col("currency", StringType(), "Currency of the amount."),
        Col("announced_at", TimestampType(), "When it was announced, local to the exchange."),
    ),
    foreign_keys=(ForeignKey(("security_id",), "market.securities", ("security_id",)),),
)
