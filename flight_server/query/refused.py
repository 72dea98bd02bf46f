"""The functions that no statement may call, by the reason why they were left out.

Nothing is refused for being here: what may be called is in `functions`, all else is refused. This
is the record that somebody looked, and what a build compares a new DuckDB with.
"""

from __future__ import annotations

from collections.abc import Mapping

from flight_server.query.functions import names

# Functions of expressions.
REFUSED: Mapping[str, frozenset[str]] = {
    "runs text or a plan": names(
        "json_deserialize_sql json_serialize_plan json_serialize_sql invoke"
    ),
    "tells of settings, sessions or the network": names(
        """
        current_connection_id current_query current_query_id current_transaction_id getvariable
        inet_client_addr inet_client_port inet_server_addr inet_server_port pg_conf_load_time
        pg_postmaster_start_time txid_current
        """
    ),
    "tells of what exists, or of rights in the engine": names(
        """
        col_description format_pg_type format_type has_any_column_privilege has_column_privilege
        has_database_privilege has_foreign_data_wrapper_privilege has_function_privilege
        has_language_privilege has_schema_privilege has_sequence_privilege has_server_privilege
        has_table_privilege has_tablespace_privilege in_search_path map_to_pg_oid obj_description
        pg_collation_is_visible pg_conversion_is_visible pg_function_is_visible
        pg_get_constraintdef pg_get_expr pg_get_viewdef pg_has_role pg_is_other_temp_schema
        pg_my_temp_schema pg_opclass_is_visible pg_operator_is_visible pg_opfamily_is_visible
        pg_size_pretty pg_table_is_visible pg_ts_config_is_visible pg_ts_dict_is_visible
        pg_ts_parser_is_visible pg_ts_template_is_visible pg_type_is_visible shobj_description
        """
    ),
    "tells of statistics or storage": names(
        """
        get_block_size hive_partition_component index_key is_histogram_other_bin
        parse_duckdb_log_message stats vector_type
        """
    ),
    "changes state": names("currval nextval setseed setval write_log"),
    "waits": names("pg_sleep sleep_ms"),
    "raises on purpose": names("assert_true error"),
    "is a part of the engine": names(
        """
        __between __cast bitstring_byte_comparable constant_or_null create_sort_key
        decimal_average decimal_division formatreadabledecimalsize icu_sort_key
        json_copy_strftime_if_date json_copy_strftime_if_timestamp remap_struct
        timetz_byte_comparable unpivot_list
        """
    ),
    "handles states of aggregates": names("combine combine_aggr finalize to_aggregate_state"),
    "handles types as values": names(
        """
        can_cast_implicitly cast_to_type enum_code enum_first enum_last enum_range
        enum_range_boundary get_type make_type replace_type
        """
    ),
    "is of a type that is not served": names(
        """
        st_asbinary st_asgeojson st_astext st_aswkb st_aswkt st_crs st_geomfromgeojson
        st_geomfromwkb st_intersects_extent st_setcrs variant_array_length
        variant_bytes_to_variant variant_comparator variant_contains variant_exists
        variant_extract variant_extract_string variant_group_array variant_group_object
        variant_keys variant_normalize variant_to_parquet_variant variant_type variant_typeof
        vertex_extract
        """
    ),
}
FAMILIES: Mapping[str, str] = {
    "__internal": "is a part of the engine",
    "collate_": "is a part of the engine",
    "icu_collate_": "is a part of the engine",
}

# Functions of FROM, of CALL and of PRAGMA.
REFUSED_IN_FROM: Mapping[str, frozenset[str]] = {
    "reads files": names(
        """
        glob parquet_scan read_blob read_csv read_csv_auto read_duckdb read_json read_json_auto
        read_json_objects read_json_objects_auto read_ndjson read_ndjson_auto read_ndjson_objects
        read_parquet read_single_csv_file read_single_json_file read_single_parquet_file read_text
        sniff_csv
        """
    ),
    "tells of statistics or storage": names(
        """
        database_size duckdb_table_sample histogram histogram_values metadata_info
        parquet_bloom_probe parquet_file_metadata parquet_full_metadata parquet_kv_metadata
        parquet_metadata parquet_schema pragma_database_size pragma_metadata_info
        pragma_storage_info seq_scan storage_info summary
        """
    ),
    "reads the memory of the process": names(
        "arrow_scan arrow_scan_dumb pandas_scan python_arrow_scan python_map_function"
    ),
    "runs text or a plan": names("json_execute_serialized_sql query query_table"),
    "tells of what exists": names(
        """
        collations database_list duckdb_columns duckdb_constraints duckdb_coordinate_systems
        duckdb_databases duckdb_dependencies duckdb_dialects duckdb_extension_repositories
        duckdb_extensions duckdb_external_resource_types duckdb_external_resources
        duckdb_functions duckdb_grammar_extensions duckdb_indexes duckdb_keywords
        duckdb_optimizers duckdb_schemas duckdb_secret_type_parameters duckdb_secret_types
        duckdb_sequences duckdb_tables duckdb_triggers duckdb_types duckdb_views
        extension_versions functions icu_calendar_names pg_timezone_names platform
        pragma_collations pragma_platform pragma_show pragma_table_info pragma_user_agent
        pragma_version show show_databases show_tables show_tables_expanded table_info user_agent
        version
        """
    ),
    "tells of settings, sessions or other users": names(
        """
        duckdb_approx_database_count duckdb_available_metrics duckdb_connection_count
        duckdb_eviction_queues duckdb_external_file_cache duckdb_log_contexts duckdb_logs
        duckdb_logs_parsed duckdb_memory duckdb_prepared_statements duckdb_profiling_settings
        duckdb_secrets duckdb_settings duckdb_temporary_files duckdb_variables which_secret
        """
    ),
    "changes state": names(
        """
        add_parquet_key checkpoint copy_database create_external_resource
        deregister_external_resource destroy_external_resource disable_checkpoint_on_shutdown
        disable_logging disable_object_cache disable_optimizer disable_print_progress_bar
        disable_profile disable_profiling disable_progress_bar disable_verification
        disable_verify_parallelism enable_checkpoint_on_shutdown enable_logging
        enable_object_cache enable_optimizer enable_print_progress_bar enable_profile
        enable_profiling enable_progress_bar enable_verification force_checkpoint import_database
        register_external_resource register_external_resource_type truncate_duckdb_logs
        verify_parallelism
        """
    ),
    "makes data for tests": names("test_all_types test_vector_types"),
    "has not been asked for": names("json_each json_tree"),
}


def why_refused(name: str) -> str | None:
    """The reason why a function of expressions was left out; None for one that was not."""
    for start, reason in FAMILIES.items():
        if name.startswith(start):
            return reason
    return _reason(REFUSED, name)


def why_refused_in_from(name: str) -> str | None:
    """The reason why a function of FROM, CALL or PRAGMA was left out; None for others."""
    return _reason(REFUSED_IN_FROM, name)


def _reason(reasons: Mapping[str, frozenset[str]], name: str) -> str | None:
    return next((reason for reason, members in reasons.items() if name in members), None)
