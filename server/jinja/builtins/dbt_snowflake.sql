{# dbt-snowflake's own macros: what differs from the default. #}

{# ── Names: a linked catalog gives the database, and Glue wants lower case ── #}

{% macro snowflake__generate_database_name(custom_database_name=none, node=none) -%}
  {%- set catalog = none -%}
  {%- if node is not none and node | attr('database') -%}
    {%- set catalog = adapter.build_catalog_relation(node) -%}
  {%- elif 'config' in target -%}
    {%- set catalog = adapter.build_catalog_relation(target) -%}
  {%- endif -%}
  {%- if catalog is not none and catalog | attr('catalog_database') -%}
    {{ return(catalog.catalog_database) }}
  {%- elif custom_database_name is not none -%}
    {{ custom_database_name }}
  {%- elif catalog is not none and catalog | attr('catalog_linked_database') -%}
    {{ return(catalog.catalog_linked_database) }}
  {%- else -%}
    {{ target.database }}
  {%- endif -%}
{%- endmacro %}

{% macro snowflake__generate_schema_name(custom_schema_name, node) -%}
  {%- set name = target.schema if custom_schema_name is none else target.schema ~ '_' ~ custom_schema_name.strip() -%}
  {%- if node is not none and node | attr('database') -%}
    {%- set catalog = adapter.build_catalog_relation(node) -%}
    {%- if catalog.catalog_linked_database_type is defined and catalog.catalog_linked_database_type == 'glue' -%}
      {%- set name = name.lower() -%}
    {%- endif -%}
  {%- endif -%}
  {{ name }}
{%- endmacro %}

{# ── SQL that is spelled differently by each database ────────────────────── #}

{% macro snowflake__array_construct(inputs, data_type) -%}array_construct( {{ inputs | join(' , ') }} ){%- endmacro %}

{% macro snowflake__bool_or(expression) -%}boolor_agg({{ expression }}){%- endmacro %}

{% macro snowflake__cast(field, type) %}
  {%- if type | upper in ['GEOGRAPHY', 'GEOMETRY'] -%}
    to_{{ type | lower }}({{ field }})
  {%- else -%}
    cast({{ field }} as {{ type }})
  {%- endif -%}
{% endmacro %}

{% macro snowflake__equals(expr1, expr2) -%}
  {%- set operator = 'IS NOT DISTINCT FROM' if adapter.behavior.enable_truthy_nulls_equals_macro.no_warn else '=' -%}
  ({{ expr1 }} {{ operator }} {{ expr2 }})
{%- endmacro %}

{% macro snowflake__escape_single_quotes(expression) -%}{{ expression | replace("'", "\\'") }}{%- endmacro %}

{% macro snowflake__right(string_text, length_expression) %}
  case when {{ length_expression }} = 0
    then ''
  else
    right(
      {{ string_text }},
      {{ length_expression }}
    )
  end
{%- endmacro -%}

{# try_cast wants a text and knows no variant. #}
{% macro snowflake__safe_cast(field, type) %}
  {%- if type | upper in ['GEOGRAPHY', 'GEOMETRY'] -%}
    try_to_{{ type | lower }}({{ field }})
  {%- elif type | upper == 'VARIANT' -%}
    {{ adapter.dispatch('cast', 'dbt')(field, type) }}
  {%- else -%}
    try_cast({{ dbt.string_literal(field) if field is number else field }} as {{ type }})
  {%- endif -%}
{% endmacro %}

{% macro snowflake__current_timestamp() -%}convert_timezone('UTC', current_timestamp()){%- endmacro %}
{% macro snowflake__current_timestamp_backcompat() %}
  current_timestamp::{{ type_timestamp() }}
{% endmacro %}
{% macro snowflake__current_timestamp_in_utc_backcompat() %}
  convert_timezone('UTC', {{ snowflake__current_timestamp_backcompat() }})::{{ type_timestamp() }}
{% endmacro %}
{% macro snowflake__snapshot_get_time() -%}to_timestamp_ntz({{ current_timestamp() }}){%- endmacro %}
{% macro snowflake__snapshot_string_as_time(timestamp) -%}{{ return("to_timestamp_ntz('" ~ timestamp ~ "')") }}{%- endmacro %}

{# An option of a statement, or nothing without a value. #}
{% macro optional(name, value, quote_char = '', equals_char = '= ') %}
  {%- set closing = ')' if quote_char == '(' else quote_char -%}
  {{ name ~ ' ' ~ equals_char ~ quote_char ~ value ~ closing if value is not none }}
{% endmacro %}

{# ── Query tags ──────────────────────────────────────────────────────────── #}

{% macro get_current_query_tag() -%}
  {{ return(run_query("show parameters like 'query_tag' in session").rows[0]['value']) }}
{% endmacro %}

{% macro set_query_tag() -%}{{ return(adapter.dispatch('set_query_tag', 'dbt')()) }}{% endmacro %}
{# Gives the tag that was there before, none if the config has no tag. #}
{% macro snowflake__set_query_tag() -%}
  {% set tag = config.get('query_tag') %}
  {% if not tag %}{{ return(none) }}{% endif %}
  {% set before = get_current_query_tag() %}
  {{ log("Setting query_tag to '" ~ tag ~ "'. Will reset to '" ~ before ~ "' after materialization.") }}
  {% do run_query("alter session set query_tag = '" ~ tag ~ "'") %}
  {{ return(before) }}
{% endmacro %}

{% macro unset_query_tag(original_query_tag) -%}
  {{ return(adapter.dispatch('unset_query_tag', 'dbt')(original_query_tag)) }}
{% endmacro %}
{% macro snowflake__unset_query_tag(original_query_tag) -%}
  {% if config.get('query_tag') %}
    {{ log("Resetting query_tag to '" ~ original_query_tag ~ "'.") }}
    {% do run_query(
      "alter session set query_tag = '" ~ original_query_tag ~ "'" if original_query_tag else 'alter session unset query_tag'
    ) %}
  {% endif %}
{% endmacro %}

{# ── Statements by the kind of a relation ────────────────────────────────── #}

{% macro snowflake__get_create_sql(relation, sql) %}
  {%- if relation.is_dynamic_table -%}{{ snowflake__get_create_dynamic_table_as_sql(relation, sql) }}
  {%- elif relation.is_interactive_table -%}{{ snowflake__get_create_interactive_table_as_sql(relation, sql) }}
  {%- else -%}{{ default__get_create_sql(relation, sql) }}
  {%- endif -%}
{% endmacro %}
{% macro snowflake__get_drop_sql(relation) %}
  {%- if relation.is_dynamic_table -%}{{ snowflake__get_drop_dynamic_table_sql(relation) }}
  {%- elif relation.is_interactive_table -%}{{ snowflake__get_drop_interactive_table_sql(relation) }}
  {%- else -%}{{ default__get_drop_sql(relation) }}
  {%- endif %}
{% endmacro %}
{% macro snowflake__get_replace_sql(existing_relation, target_relation, sql) %}
  {%- if existing_relation.is_dynamic_table and target_relation.is_dynamic_table -%}
    {{ snowflake__get_replace_dynamic_table_sql(target_relation, sql) }}
  {%- elif existing_relation.is_interactive_table and target_relation.is_interactive_table -%}
    {{ snowflake__get_replace_interactive_table_sql(target_relation, sql) }}
  {%- else -%}
    {{ default__get_replace_sql(existing_relation, target_relation, sql) }}
  {%- endif -%}
{% endmacro %}
{% macro snowflake__get_rename_sql(relation, new_name) -%}
  {%- if relation.is_interactive_table -%}{{ snowflake__get_rename_interactive_table_sql(relation, new_name) }}
  {%- else -%}{{ default__get_rename_sql(relation, new_name) }}
  {%- endif -%}
{%- endmacro %}

{# The new name is a whole one, database and schema included. #}
{%- macro snowflake__get_rename_intermediate_sql(relation) -%}
    -- get the standard intermediate name
    -- use `render` to ensure that the fully qualified name is used
    {{ get_rename_sql(make_intermediate_relation(relation), relation.render()) }}
{%- endmacro -%}
{%- macro snowflake__get_create_backup_sql(relation) -%}
    -- get the standard backup name
    {% set backup = make_backup_relation(relation, relation.type) %}
    -- drop any pre-existing backup
    {{ get_drop_sql(backup) }};
    -- use `render` to ensure that the fully qualified name is used
    {{ get_rename_sql(relation, backup.render()) }}
{%- endmacro -%}

{# A linked catalog knows no cascade. #}
{% macro snowflake__drop_table(relation) %}
  drop table if exists {{ relation }} {{ 'cascade' if not snowflake__is_catalog_linked_database(relation=relation) }}
{% endmacro %}
{% macro snowflake__get_drop_view_sql(relation) %}drop view if exists {{ relation }} cascade{% endmacro %}
{% macro snowflake__get_replace_view_sql(relation, sql) %}{{ snowflake__create_view_as(relation, sql) }}{% endmacro %}
{% macro snowflake__get_replace_table_sql(relation, sql) %}{{ snowflake__create_table_as(False, relation, sql) }}{% endmacro %}
{% macro snowflake__rename_relation(from_relation, to_relation) -%}
  {% call statement('rename_relation') -%}alter table {{ from_relation }} rename to {{ to_relation }}{%- endcall %}
{% endmacro %}

{% macro snowflake__create_view_as(relation, sql) -%}{{ snowflake__create_view_as_with_temp_flag(relation, sql) }}{% endmacro %}
{% macro snowflake__create_view_as_with_temp_flag(relation, sql, is_temporary=False) -%}
  {%- set policy = config.get('row_access_policy', default=none) -%}
  {%- set tag = config.get('table_tag', default=none) -%}
  {{ config.get('sql_header', none) or '' }}
  create or replace {{ 'secure' if config.get('secure', default=false) }} {{ 'temporary' if is_temporary }} view {{ relation }}
  {{ get_persist_docs_column_list(model.columns, get_columns_in_query(sql)) if config.persist_column_docs() }}
  {{ get_assert_columns_equivalent(sql) if config.get('contract').enforced }}
  {{ 'copy grants' if config.get('copy_grants', default=false) }}
  {{ 'with row access policy ' ~ policy if policy }}
  {{ 'with tag (' ~ tag ~ ')' if tag }}
  as (
    {{ sql }}
  );
{% endmacro %}

{# Whether the relation, or the catalog it names, lies in a linked catalog. #}
{% macro snowflake__is_catalog_linked_database(relation=none, catalog_relation=none) -%}
  {%- set catalog = catalog_relation -%}
  {%- if catalog is none and relation and relation.config -%}
    {%- set catalog = adapter.build_catalog_relation(relation) -%}
  {%- elif catalog is none and relation and relation.catalog -%}
    {%- set catalog = adapter.get_catalog_integration(relation.catalog) -%}
  {%- endif -%}
  {{ return(true if catalog is not none and catalog | attr('catalog_linked_database') else false) }}
{%- endmacro %}

{# A collation of the column that is there already stays. #}
{% macro snowflake__diff_column_data_types(source_columns, target_columns) %}
  {%- set changes = [] -%}
  {%- for new in source_columns -%}
    {%- set old = target_columns | selectattr('name', 'equalto', new.name) | list | first -%}
    {%- if old and new.data_type != old.data_type and not new.can_expand_to(other_column=old) -%}
      {%- set collation = " collate '" ~ old.collation ~ "'" if old.collation is defined and old.collation else '' -%}
      {%- do changes.append({'column_name': old.name, 'new_type': new.data_type ~ collation}) -%}
    {%- endif -%}
  {%- endfor -%}
  {{- return(changes) -}}
{% endmacro %}

{# ── Statements ──────────────────────────────────────────────────────────── #}

{% macro snowflake_dml_explicit_transaction(dml) %}
  {% set text -%}
    begin;
    {{ dml }};
    commit;
  {%- endset %}
  {% do return(text) %}
{% endmacro %}

{% macro snowflake__show_object_metadata(relation) %}
  {% set sql -%}
    show objects in {{ relation.include(identifier=False) }} starts with '{{ relation.identifier }}' limit 1
  {%- endset %}
  {{ return(run_query(sql)) }}
{% endmacro %}

{% macro snowflake__check_schema_exists(information_schema, schema) -%}
  {% call statement('check_schema_exists', fetch_result=True) -%}
    select count(*)
    from {{ information_schema }}.schemata
    where upper(schema_name) = upper('{{ schema }}')
      and upper(catalog_name) = upper('{{ information_schema.database }}')
  {%- endcall %}
  {{ return(load_result('check_schema_exists').table) }}
{%- endmacro %}

{% macro snowflake__alter_column_type(relation, column_name, new_column_type) -%}
  {% set column = adapter.quote(column_name) %}
  {% call statement('alter_column_type') %}
    alter {{ relation.get_ddl_prefix_for_alter() }} table {{ relation.render() }} alter {{ column }} set data type {{ new_column_type }};
  {% endcall %}
{% endmacro %}

{% macro snowflake__get_column_data_type_for_alter(relation, column) %}
  {% set sized = column.data_type.upper() %}
  {% set text = relation.is_iceberg_format and column.is_string() %}
  {{ 'STRING' if text and (sized.startswith('CHARACTER VARYING') or sized.startswith('VARCHAR')) else column.data_type }}
{% endmacro %}

{% macro snowflake__truncate_relation(relation) -%}
  {% set sql = 'truncate table ' ~ relation.render() %}
  {% call statement('truncate_relation') -%}
    {{ sql if snowflake__is_catalog_linked_database(relation=config.model) else snowflake_dml_explicit_transaction(sql) }}
  {%- endcall %}
{% endmacro %}

{% macro snowflake__can_clone_table() %}{{ return(True) }}{% endmacro %}
{% macro snowflake__create_or_replace_clone(this_relation, defer_relation) %}
  create or replace
    {{ 'transient' if config.get('transient', true) }}
    table {{ this_relation }}
    clone {{ defer_relation }}
    {{ 'copy grants' if config.get('copy_grants', false) }}
    {{ 'copy tags' if config.get('copy_tags', false) }}
{% endmacro %}

{# ── Incremental models ──────────────────────────────────────────────────── #}

{% macro resolve_incremental_tmp_relation(tmp_relation) %}
  {{ return(adapter.dispatch('resolve_incremental_tmp_relation', 'dbt')(tmp_relation)) }}
{% endmacro %}
{% macro snowflake__resolve_incremental_tmp_relation(tmp_relation) %}{{ return(tmp_relation) }}{% endmacro %}

{% macro snowflake__get_incremental_default_sql(arg_dict) %}{{ return(get_incremental_merge_sql(arg_dict)) }}{% endmacro %}

{% macro get_incremental_insert_overwrite_sql(arg_dict) -%}
  {{ adapter.dispatch('insert_overwrite_get_sql', 'dbt')(
    arg_dict['target_relation'], arg_dict['temp_relation'], arg_dict['unique_key'], arg_dict['dest_columns']
  ) }}
{%- endmacro %}

{# A linked catalog knows no transactions. #}
{% macro snowflake__get_incremental_append_sql(get_incremental_append_sql) %}
  {% set sql = default__get_incremental_append_sql(get_incremental_append_sql) %}
  {% do return(sql if snowflake__is_catalog_linked_database(config.model) else snowflake_dml_explicit_transaction(sql)) %}
{% endmacro %}

{% macro snowflake__get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) %}
  {% set sql = default__get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) %}
  {% do return(sql if snowflake__is_catalog_linked_database(relation=config.model) else snowflake_dml_explicit_transaction(sql)) %}
{% endmacro %}

{% macro snowflake__snapshot_merge_sql(target, source, insert_cols) %}
  {% set sql = default__snapshot_merge_sql(target, source, insert_cols) %}
  {% do return(sql if snowflake__is_catalog_linked_database(relation=target) else snowflake_dml_explicit_transaction(sql)) %}
{% endmacro %}

{% macro snowflake__reset_csv_table(model, full_refresh, old_relation, agate_table) %}
  {% if full_refresh %}
    {{ adapter.drop_relation(old_relation) }}
    {{ return(create_csv_table(model, agate_table)) }}
  {% elif agate_table.rows | length == 0 %}
    {{ adapter.truncate_relation(old_relation) }}
  {% endif %}
  {{ return('') }}
{% endmacro %}

{# ── Grants and comments ─────────────────────────────────────────────────── #}

{% macro snowflake__copy_grants() %}{{ return(config.get('copy_grants', False)) }}{% endmacro %}
{%- macro snowflake__support_multiple_grantees_per_dcl_statement() -%}{{ return(False) }}{%- endmacro -%}

{% macro snowflake__alter_relation_comment(relation, relation_comment) -%}
  {%- set text = '$$' ~ relation_comment | replace('$', '[$]') ~ '$$' -%}
  {%- if relation.is_iceberg_format -%}
    alter iceberg table {{ relation.render() }} set comment = {{ text }};
  {%- else -%}
    {%- set type = 'dynamic table' if relation.is_dynamic_table else 'table' if relation.is_interactive_table else relation.type -%}
    comment on {{ type }} {{ relation.render() }} IS {{ text }};
  {%- endif -%}
{% endmacro %}

{# The name in upper or lower case wins over the name as it is written. #}
{% macro get_column_comment_sql(column_name, column_dict) -%}
  {%- set known = [column_name | upper, column_name | lower, column_name] | select('in', column_dict) | list -%}
  {%- set text = column_dict[known[0]]['description'] | replace('$', '[$]') if known else '' -%}
  {{ adapter.quote(column_name) }} COMMENT $${{ text }}$$
{%- endmacro %}
{% macro snowflake__alter_column_comment(relation, column_dict) -%}
  {% set present = adapter.get_columns_in_relation(relation) | map(attribute='name') | list %}
  {% set columns = validate_doc_columns(relation, column_dict, present) %}
  {% set type = 'table' if relation.is_dynamic_table or relation.is_interactive_table else relation.type %}
  alter {{ relation.get_ddl_prefix_for_alter() }} {{ type }} {{ relation.render() }} alter
  {% for name in present %}
    {{ get_column_comment_sql(name, columns) }}{{ ',' if not loop.last else ';' }}
  {% endfor %}
{% endmacro %}
{% macro get_persist_docs_column_list(model_columns, query_columns) %}
(
  {% for name in query_columns %}
    {{ get_column_comment_sql(name, model_columns) }}
    {{- ', ' if not loop.last }}
  {% endfor %}
)
{% endmacro %}

{% macro snowflake__persist_docs(relation, model, for_relation, for_columns) -%}
  {% if for_relation and config.persist_relation_docs() and model.description %}
    {% do run_query(alter_relation_comment(relation, model.description)) %}
  {% endif %}
  {% if for_columns and config.persist_column_docs() and model.columns %}
    {% set comments = alter_column_comment(relation, model.columns) %}
    {% if comments and comments | trim %}{% do run_query(comments) %}{% endif %}
  {% endif %}
{% endmacro %}

{# ── Functions ───────────────────────────────────────────────────────────── #}

{% macro snowflake__formatted_scalar_function_args_sql() %}
  {% for argument in model.arguments %}
    {%- set default = argument.get('default_value', none) -%}
    {{ argument.name }} {{ argument.data_type }}{{ ' DEFAULT ' ~ default if default != none }}{{ ', ' if not loop.last }}
  {%- endfor %}
{% endmacro %}

{% macro snowflake__formatted_scalar_function_args_javascript() %}
  {% set quoted = model.config.get('snowflake', {}).get('quote_args', true) %}
  {% for argument in model.arguments %}
    {%- set name = adapter.quote(argument.name) if quoted else argument.name -%}
    {%- set default = argument.get('default_value', none) -%}
    {{ name }} {{ argument.data_type }}{{ ' DEFAULT ' ~ default if default != none }}{{ ', ' if not loop.last }}
  {%- endfor %}
{% endmacro %}

{% macro snowflake__scalar_function_create_replace_signature_sql(target_relation) %}
  CREATE OR REPLACE FUNCTION {{ target_relation.render() }} ({{ formatted_scalar_function_args_sql() }})
  RETURNS {{ model.returns.data_type }}
  LANGUAGE SQL
  {{ scalar_function_volatility_sql() }}
  AS
{% endmacro %}

{% macro snowflake__scalar_function_create_replace_signature_python(target_relation) %}
  CREATE OR REPLACE FUNCTION {{ target_relation.render() }} ({{ formatted_scalar_function_args_sql() }})
  RETURNS {{ model.returns.data_type }}
  LANGUAGE PYTHON
  {{ scalar_function_volatility_sql() }}
  {{ get_function_python_options() }}
  AS
{% endmacro %}

{% macro snowflake__scalar_function_create_replace_signature_javascript(target_relation) %}
  CREATE OR REPLACE FUNCTION {{ target_relation.render() }} ({{ formatted_scalar_function_args_javascript() }})
  RETURNS {{ model.returns.data_type }}
  LANGUAGE JAVASCRIPT
  {{ scalar_function_volatility_sql() }}
  AS
{% endmacro %}

{% macro snowflake__scalar_function_body_sql() %}
    $$
{{ model.compiled_code }}
    $$
{% endmacro %}

{% macro snowflake__scalar_function_python(target_relation) %}
  {{ snowflake__scalar_function_create_replace_signature_python(target_relation) }}
  {{ scalar_function_body_sql() }}
{% endmacro %}

{% macro snowflake__scalar_function_javascript(target_relation) %}
  {{ snowflake__scalar_function_create_replace_signature_javascript(target_relation) }}
  {{ scalar_function_body_sql() }}
{% endmacro %}

{% macro snowflake__aggregate_function_python(target_relation) %}
  {{ get_aggregate_function_create_replace_signature(target_relation) }}
  {{ scalar_function_body_sql() }}
{% endmacro %}

{% macro snowflake__aggregate_function_javascript(target_relation) %}
  {% do exceptions.raise_compiler_error('JS aggregate functions not supported in snowflake') %}
{% endmacro %}

{% macro snowflake__scalar_function_volatility_sql() %}
  {% set volatility = model.config.get('volatility') %}
  {% set words = {'deterministic': 'IMMUTABLE', 'non-deterministic': 'VOLATILE'} %}
  {% if volatility in words %}
    {{ words[volatility] }}
  {% elif volatility != none %}
    {% do unsupported_volatility_warning(volatility) %}
  {% endif %}
{% endmacro %}
