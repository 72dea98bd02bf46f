"""The pieces that random statements are made of; `{int}` and so on stand for expressions.

`{any}` is one of any kind, `{all}` everything in scope, to order by, and `{same}` what stands
for the kind elsewhere in the piece.
"""

from __future__ import annotations

from tests.oracle.expressions import KINDS

ORDERED_KINDS = (*KINDS, "ints", "texts", "list", "struct")
FAILING = (
    "CAST({text} AS INTEGER)",
    "CAST({text} AS DATE)",
    "CAST({int} * 40 AS TINYINT)",
    "{int} // ({int2} - 7)",
    "{int} % ({int2} % 3)",
    "CAST({int} AS INTEGER) * 2000000000 * 3::BIGINT * 3000000000",
    "strptime({text}, '%Y-%m-%d')",
    "CAST({text} AS DECIMAL(4,1))",
    "(SELECT {int} FROM {table} AS many)",
    "chr(({int} - 60)::INTEGER)",
    "CAST({text} AS JSON)",
    "make_date(2024, {int}, 1)",
)
JOINS = (
    *("JOIN", "JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"),
    *("SEMI JOIN", "ANTI JOIN", "LATERAL", "CROSS JOIN"),
)
SETS = (
    *("UNION", "UNION ALL", "INTERSECT", "EXCEPT", "INTERSECT ALL", "EXCEPT ALL"),
    *("UNION BY NAME", "UNION ALL BY NAME"),
)
# Conditions with subqueries: `{o}` is a column around, `{i}` one within, `{t}` the table within and
# `{w}` a condition within.
CONDITIONS = (
    "{o} IN (SELECT {i} FROM {t} WHERE {w})",
    "{o} NOT IN (SELECT {i} FROM {t} WHERE {i} IS NOT NULL AND {w})",
    "EXISTS (SELECT 1 FROM {t} WHERE {i} = {o} AND {w})",
    "NOT EXISTS (FROM {t} WHERE {i} = {o} AND {w})",
    "{o} > (SELECT min({i}) FROM {t} WHERE {w})",
    "{o} >= (SELECT max({i}) FROM {t} WHERE {i} <= {o})",
    "{o} < ANY (SELECT {i} FROM {t} WHERE {w})",
    "(SELECT count(*) FROM {t} WHERE {i} = {o}) > 1",
    "{o} >= ALL (SELECT {i} FROM {t} WHERE {w})",
    "{o} <> ALL (SELECT {i} FROM {t} WHERE {i} IS NOT NULL AND {w})",
    "({o}, true) IN (SELECT {i}, {w} FROM {t})",
    "({o}, {o}) NOT IN (SELECT {i}, {i} FROM {t} WHERE {i} IS NOT NULL)",
    "{o} = ANY (SELECT max({i}) FROM {t} GROUP BY {w} HAVING count(*) > 1)",
    "EXISTS (SELECT {i} FROM {t} GROUP BY {i} HAVING {i} = {o} AND count(*) > 1)",
)
AGGREGATES = (
    "count(*)",
    "count({any})",
    "count(DISTINCT {any})",
    "sum({int})",
    "sum({money})",
    "sum({double})",
    "min({any})",
    "max({any})",
    "round(avg({int}), 6)",
    "round(avg({money}), 6)",
    "sum({int}) FILTER (WHERE {bool})",
    "count(*) FILTER (WHERE {bool})",
    "bool_or({bool})",
    "bool_and({bool})",
    "string_agg({text}, ',' ORDER BY {same})",
    "list({int} ORDER BY {same})",
    "median({int})",
    "quantile_disc({int}, 0.25)",
    "round(stddev({int}), 4)",
    "min(DISTINCT {text})",
    "bit_xor({int})",
    "histogram({int} % 3)::VARCHAR",
    "max(CASE WHEN {bool} THEN {int} ELSE 0 END)",
    "arg_min({text}, row({all}))",
    "arg_max({int}, row({all})) FILTER (WHERE {bool})",
    "list(DISTINCT {int} ORDER BY {same})",
    "quantile_cont({int}, [0.25, 0.75])",
    "count_if({bool})",
    "round(corr({int}, {int}), 4)",
    "regr_count({int}, {double})",
    "round(regr_slope({int}, {int}), 3)",
    "round(covar_samp({int}, {int}), 3)",
    "first({text} ORDER BY {all})",
)
WINDOWS = (
    "row_number() OVER (PARTITION BY {any} ORDER BY {all})",
    "rank() OVER (ORDER BY {any})",
    "dense_rank() OVER (PARTITION BY {any} ORDER BY {any2} DESC NULLS LAST)",
    "ntile(4) OVER (ORDER BY {all})",
    "lag({int}) OVER (PARTITION BY {any} ORDER BY {all})",
    "lead({text}, 2, 'none') OVER (ORDER BY {all})",
    "first_value({int}) OVER (PARTITION BY {any} ORDER BY {all})",
    "last_value({text}) OVER (ORDER BY {all} ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING)",
    "sum({int}) OVER (PARTITION BY {any})",
    "sum({money}) OVER (ORDER BY {date} RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)",
    "count(*) OVER (ORDER BY {int} RANGE BETWEEN 3 PRECEDING AND 3 FOLLOWING)",
    "count(*) OVER (ORDER BY {all} ROWS BETWEEN 2 PRECEDING AND CURRENT ROW)",
    "max({date}) OVER (PARTITION BY {any} ORDER BY {all} GROUPS 1 PRECEDING)",
    "round(percent_rank() OVER (ORDER BY {any}), 6)",
    "nth_value({int}, 2) OVER (PARTITION BY {any} ORDER BY {all})",
    "first_value({text} IGNORE NULLS) OVER (ORDER BY {all} ROWS 9 PRECEDING)",
    "lag({int}, 1 IGNORE NULLS) OVER (ORDER BY {all})",
    "count(*) FILTER (WHERE {bool}) OVER (ORDER BY {all} ROWS 3 PRECEDING EXCLUDE CURRENT ROW)",
    "sum({int}) OVER (ORDER BY {any} GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE GROUP)",
    "max({money}) OVER (PARTITION BY {any} ORDER BY {any2} RANGE UNBOUNDED PRECEDING EXCLUDE TIES)",
    "count(DISTINCT {int}) OVER (PARTITION BY {any})",
    "round(cume_dist() OVER (ORDER BY {any}), 6)",
)
