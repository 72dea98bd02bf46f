"""The names of Trino's functions, and the check that a statement calls no others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import sqlglot
from sqlglot.tokenizer_core import Token, TokenType

from flight_server.testing.athena.errors import StatementFailed

# By Trino's reference of functions, in its order: aggregate, array, binary, bitwise, colour,
# comparison, conditional, conversion, date and time, decimal, geospatial (those without types of
# their own left out), hyperloglog, JSON, map, math, quantile digest, regular expression, session,
# set digest, string, teradata, url, uuid, window.
_NAMES = """
any_value arbitrary array_agg avg bool_and bool_or checksum count count_if every geometric_mean
listagg max max_by min min_by sum bitmap histogram map_agg map_union multimap_agg approx_distinct
approx_most_frequent approx_percentile approx_set merge numeric_histogram qdigest_agg tdigest_agg
bitwise_and_agg bitwise_or_agg bitwise_xor_agg corr covar_pop covar_samp kurtosis regr_intercept
regr_slope regr_sxx regr_sxy regr_syy regr_r2 regr_count regr_avgx regr_avgy skewness stddev
stddev_pop stddev_samp variance var_pop var_samp reduce_agg
all_match any_match array_distinct array_except array_first array_histogram array_intersect
array_join array_last array_max array_min array_position array_remove array_sort array_union
arrays_overlap cardinality combinations concat contains contains_sequence element_at filter flatten
ngrams none_match reduce repeat reverse sequence shuffle slice transform trim_array zip zip_with
from_base32 to_base32 from_base64 from_base64url from_big_endian_32 from_big_endian_64 from_hex
from_ieee754_32 from_ieee754_64 from_utf8 hmac_md5 hmac_sha1 hmac_sha256 hmac_sha512 length lpad md5
murmur3 rpad sha1 sha256 sha512 spooky_hash_v2_32 spooky_hash_v2_64 substr to_base64 to_base64url
to_big_endian_32 to_big_endian_64 to_hex to_ieee754_32 to_ieee754_64 to_utf8 xxhash64 crc32
bit_count bitwise_and bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift
bitwise_right_shift_arithmetic bitwise_xor
bar color render rgb
greatest least
coalesce if nullif try
cast try_cast format format_number parse_data_size typeof
at_timezone current_date current_time current_timestamp current_timezone date date_add date_diff
date_format date_parse date_trunc day day_of_month day_of_week day_of_year dow doy extract
from_iso8601_date from_iso8601_timestamp from_iso8601_timestamp_nanos from_unixtime
from_unixtime_nanos format_datetime hour human_readable_seconds last_day_of_month localtime
localtimestamp millisecond minute month now parse_datetime parse_duration quarter second timezone
timezone_hour timezone_minute to_iso8601 to_milliseconds to_unixtime week week_of_year with_timezone
year year_of_week yow
cardinality empty_approx_set
is_json_scalar json_array json_array_contains json_array_get json_array_length json_exists
json_extract json_extract_scalar json_format json_object json_parse json_query json_size json_table
json_value
map map_concat map_entries map_filter map_from_entries map_keys map_values map_zip_with
multimap_from_entries split_to_map split_to_multimap transform_keys transform_values
abs acos asin atan atan2 beta_cdf cbrt ceil ceiling cos cosh cosine_distance cosine_similarity
degrees e exp floor from_base infinity inverse_beta_cdf inverse_normal_cdf is_finite is_infinite
is_nan ln log log10 log2 mod nan normal_cdf pi pow power radians rand random round sign sin sinh
sqrt t_cdf t_pdf tan tanh to_base truncate width_bucket wilson_interval_lower wilson_interval_upper
quantile_at_value quantiles_at_values value_at_quantile values_at_quantiles
regexp_count regexp_extract regexp_extract_all regexp_like regexp_position regexp_replace
regexp_split
current_catalog current_groups current_role current_schema current_user
hash_counts intersection_cardinality jaccard_index make_set_digest merge_set_digest
char2hexint chr codepoint concat_ws hamming_distance index levenshtein_distance lower ltrim
luhn_check normalize position replace rtrim soundex split split_part starts_with strpos substring
to_char to_date to_timestamp translate trim upper word_stem
url_decode url_encode url_extract_fragment url_extract_host url_extract_parameter url_extract_path
url_extract_port url_extract_protocol url_extract_query
uuid
cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number
"""
TRINO_FUNCTIONS = frozenset(_NAMES.split())
"""Every function that may be called, in lower case."""

# Words that stand before a parenthesis and call nothing: types, and parts of the grammar.
_TYPES = frozenset({"array", "char", "decimal", "map", "numeric", "row", "time", "timestamp"})
_GRAMMAR = """
all analyze and any as between by case cross cube distinct else end escape except exists explain
fetch filter first following for from full group grouping having in inner insert intersect interval
into is join last lateral left like limit natural not nulls offset on or order ordinality outer
over partition preceding range recursive right rollup rows select sets some table tablesample
then to unbounded union unload unnest using values varbinary varchar version when where window
with within bernoulli system match_recognize
"""
_WORDS = _TYPES | frozenset(_GRAMMAR.split())
_NAMED_BEFORE = frozenset({TokenType.ALIAS, TokenType.R_PAREN, TokenType.WITH, TokenType.DOT})


def check_functions(text: str) -> None:
    """Raises `StatementFailed` (FUNCTION_NOT_FOUND) at a call that Trino does not know."""
    tokens = sqlglot.tokenize(text, read="trino")
    for token in _calls(tokens):
        name = token.text.lower()
        if name not in TRINO_FUNCTIONS and name not in _WORDS:
            raise StatementFailed(
                f"FUNCTION_NOT_FOUND: line {token.line}:{max(1, token.col - len(name) + 1)}: "
                f"Function '{name}' not registered"
            )


def _calls(tokens: Sequence[Token]) -> Iterator[Token]:
    """The names before an opening parenthesis that do not name columns of an alias."""
    for index in range(len(tokens) - 1):
        token, after = tokens[index], tokens[index + 1]
        before = tokens[index - 1].token_type if index else None
        if after.token_type is not TokenType.L_PAREN or not token.text.isidentifier():
            continue
        if token.token_type in (TokenType.STRING, TokenType.IDENTIFIER):
            continue
        if before in _NAMED_BEFORE or before in (TokenType.VAR, TokenType.IDENTIFIER):
            continue
        if not _names_a_query(tokens, index + 1):
            yield token


def _names_a_query(tokens: Sequence[Token], opening: int) -> bool:
    """Whether `name (…) AS (` begins a query of WITH."""
    depth = 0
    for index in range(opening, len(tokens)):
        kind = tokens[index].token_type
        depth += (kind is TokenType.L_PAREN) - (kind is TokenType.R_PAREN)
        if depth == 0:
            rest = [token.token_type for token in tokens[index + 1 : index + 3]]
            return rest == [TokenType.ALIAS, TokenType.L_PAREN]
    return False
