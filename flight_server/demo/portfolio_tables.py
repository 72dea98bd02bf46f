"""The firm's half of the demo: portfolios, whose money it is, what they hold and what they did."""

from __future__ import annotations

from pyiceberg.transforms import BucketTransform, YearTransform
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

_OWNER = "portfolio-services@example.com"
_PORTFOLIO = ForeignKey(("portfolio_id",), "portfolio.portfolios", ("portfolio_id",))
_SECURITY = ForeignKey(("security_id",), "market.securities", ("security_id",))
_ACCOUNT = ForeignKey(("account_id",), "portfolio.accounts", ("account_id",))

PORTFOLIOS = TableSpec(
    schema="portfolio",
    name="portfolios",
    role="dimension",
    comment="Portfolios that the firm manages, one row each.",
    owner=_OWNER,
    columns=(
        Col("portfolio_id", IntegerType(), "Number of the portfolio.", key=True),
        Col("code", StringType(), "Short name.", required=True),
        Col("name", StringType(), "Full name."),
        Col("desk", StringType(), "The desk that manages it.", required=True),
        Col("strategy", StringType(), "Investment strategy."),
        Col("base_currency", StringType(), "Currency in which it is kept."),
        Col("inception_date", DateType(), "First day."),
        Col("assets", DecimalType(20, 2), "Assets under management.", tags="sensitive"),
        Col("fee_rate", DecimalType(9, 6), "Yearly fee, 0.01 for 1 %.", tags="sensitive"),
        Col("is_open", BooleanType(), "Whether it takes new money."),
    ),
    foreign_keys=(ForeignKey(("base_currency",), "market.currencies", ("currency",)),),
)
ACCOUNTS = TableSpec(
    schema="portfolio",
    name="accounts",
    role="dimension",
    comment="Client accounts with the personal data of their holders.",
    owner="client-services@example.com",
    partition=("account_id", BucketTransform(4)),
    tags="personal-data",
    columns=(
        Col("account_id", IntegerType(), "Number of the account.", key=True),
        Col("account_number", StringType(), "Number as printed on statements.", required=True),
        Col("desk", StringType(), "The desk that looks after it.", required=True),
        Col("holder_name", StringType(), "Name of the holder.", tags="pii"),
        Col("mail", StringType(), "Mail address of the holder.", tags="pii"),  # later: email
        Col("tax_id", StringType(), "Tax number of the holder.", tags="pii,sensitive"),
        Col("date_of_birth", DateType(), "Birthday of the holder.", tags="pii"),
        Col("phone", StringType(), "Phone number of the holder.", tags="pii"),
        Col(
            "address",
            StructType(
                NestedField(101, "street", StringType(), False, doc="Street and number."),
                NestedField(102, "city", StringType(), False),
                NestedField(103, "postcode", StringType(), False),
                NestedField(104, "country", StringType(), False, doc="ISO 3166 code."),
            ),
            "Address of the holder.",
            tags="pii",
        ),
        Col("tags", ListType(111, StringType(), False), "Marketing segments."),
        Col("segment", StringType(), "retail, private or institutional."),
        Col("balance", DecimalType(18, 2), "Money in the account.", tags="sensitive"),
        Col("risk_score", DoubleType(), "Appetite for risk, 0 to 1.", tags="sensitive"),
        Col("is_active", BooleanType(), "Whether the account is open."),
        Col("opened_at", TimestamptzType(), "When it was opened."),
        Col("last_review", TimestampType(), "Last review, local time of the desk."),
    ),
)
BENCHMARKS = TableSpec(
    schema="portfolio",
    name="benchmarks",
    role="lookup",
    comment="Indices that portfolios are measured against.",
    owner=_OWNER,
    columns=(
        Col("benchmark_id", IntegerType(), "Number of the benchmark.", key=True),
        Col("code", StringType(), "Short name.", required=True),
        Col("name", StringType(), "Full name."),
        Col("currency", StringType(), "Currency of the index."),
        Col("provider", StringType(), "Who calculates it."),
    ),
    foreign_keys=(ForeignKey(("currency",), "market.currencies", ("currency",)),),
)
PORTFOLIO_ACCOUNTS = TableSpec(
    schema="portfolio",
    name="portfolio_accounts",
    role="bridge",
    comment="Which accounts own which share of a portfolio.",
    owner=_OWNER,
    columns=(
        Col("portfolio_id", IntegerType(), "The portfolio.", key=True),
        Col("account_id", IntegerType(), "The account.", key=True),
        Col("desk", StringType(), "The desk of the portfolio.", required=True),
        Col("share", DecimalType(9, 6), "Part of the portfolio, 1 for all of it."),
        Col("valid_from", DateType(), "First day of the share.", required=True),
        Col("valid_to", DateType(), "Last day, empty while it goes on."),
    ),
    foreign_keys=(_PORTFOLIO, _ACCOUNT),
)
PORTFOLIO_BENCHMARKS = TableSpec(
    schema="portfolio",
    name="portfolio_benchmarks",
    role="bridge",
    comment="The benchmarks of each portfolio with their weights.",
    owner=_OWNER,
    columns=(
        Col("portfolio_id", IntegerType(), "The portfolio.", key=True),
        Col("benchmark_id", IntegerType(), "The benchmark.", key=True),
        Col("desk", StringType(), "The desk of the portfolio.", required=True),
        Col("weight", DecimalType(9, 6), "Part of the blend; the weights add up to 1."),
        Col("valid_from", DateType(), "First day.", required=True),
    ),
    foreign_keys=(
        _PORTFOLIO,
        ForeignKey(("benchmark_id",), "portfolio.benchmarks", ("benchmark_id",)),
    ),
)
POSITIONS = TableSpec(
    schema="portfolio",
    name="positions",
    role="fact",
    comment="What each portfolio held on each Friday.",
    owner=_OWNER,
    partition=("as_of_date", YearTransform()),
    columns=(
        Col("portfolio_id", IntegerType(), "The portfolio.", key=True),
        Col("security_id", IntegerType(), "The security.", key=True),
        Col("as_of_date", DateType(), "The Friday.", key=True),
        Col("desk", StringType(), "The desk of the portfolio.", required=True),
        Col("quantity", DecimalType(18, 4), "Units held.", required=True),
        Col("market_value", DecimalType(20, 2), "Quantity times the close of the day."),
        Col("cost_basis", DecimalType(20, 2), "What the units cost.", tags="sensitive"),
        Col("weight", DoubleType(), "Part of the portfolio's market value."),
        Col("currency", StringType(), "Currency of the values."),
    ),
    foreign_keys=(_PORTFOLIO, _SECURITY),
)
TRANSACTIONS = TableSpec(
    schema="portfolio",
    name="transactions",
    role="fact",
    comment="Trades of all portfolios; trades that an exchange annulled are deleted.",
    owner=_OWNER,
    partition=("account_id", BucketTransform(4)),
    columns=(
        Col("transaction_id", LongType(), "Number of the trade.", key=True),
        Col("account_id", IntegerType(), "The account that paid or was paid.", required=True),
        Col("portfolio_id", IntegerType(), "The portfolio that traded.", required=True),
        Col("security_id", IntegerType(), "The security that was traded.", required=True),
        Col("desk", StringType(), "The desk of the portfolio.", required=True),
        Col("trade_date", DateType(), "Day of the trade.", required=True),
        Col("executed_at", TimestamptzType(), "Moment of the trade."),
        Col("settled_at", TimestampType(), "When it settled, local time; empty until then."),
        Col("side", StringType(), "buy or sell.", required=True),
        Col("quantity", DecimalType(18, 4), "Units traded.", required=True),
        Col("price", DecimalType(18, 4), "Price of a unit.", required=True),
        Col("amount", DecimalType(20, 2), "Quantity times price.", required=True),
        Col("fee", DecimalType(12, 2), "Commission.", tags="sensitive"),
        Col("currency", StringType(), "Currency of the amounts."),
        Col("status", StringType(), "settled, pending, or annulled until it is deleted."),
    ),
    foreign_keys=(_PORTFOLIO, _SECURITY, _ACCOUNT),
)
