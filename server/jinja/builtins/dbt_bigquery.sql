{# dbt-bigquery's own macros: what differs from the default. #}

{# ── SQL that is spelled differently by each database ────────────────────── #}

{% macro bigquery__array_append(array, new_element) -%}{{ array_concat(array, array_construct([new_element])) }}{%- endmacro %}
{% macro bigquery__array_concat(array_1, array_2) -%}array_concat({{ array_1 }}, {{ array_2 }}){%- endmacro %}
{% macro bigquery__array_construct(inputs, data_type) -%}
  {{ '[ ' ~ inputs | join(' , ') ~ ' ]' if inputs else 'ARRAY<' ~ data_type ~ '>[]' }}
{% endmacro %}

{% macro bigquery__bool_or(expression) -%}logical_or({{ expression }}){%- endmacro %}

{% macro bigquery__date(year, month, day) -%}date({{ year }}, {{ month }}, {{ day }}){%- endmacro %}

{% macro bigquery__date_trunc(datepart, date) -%}
  timestamp_trunc(
    cast({{ date }} as timestamp),
    {{ datepart }}
  )
{%- endmacro %}

{% macro bigquery__dateadd(datepart, interval, from_date_or_timestamp) %}
  datetime_add(
    cast( {{ from_date_or_timestamp }} as datetime),
    interval {{ interval }} {{ datepart }}
  )
{% endmacro %}

{% macro bigquery__datediff(first_date, second_date, datepart) -%}
  datetime_diff(
    cast({{ second_date }} as datetime),
    cast({{ first_date }} as datetime),
    {{ datepart }}
  )
{%- endmacro %}

{% macro bigquery__equals(expr1, expr2) -%}
  {%- set operator = 'IS NOT DISTINCT FROM' if adapter.behavior.enable_truthy_nulls_equals_macro.no_warn else '=' -%}
  ({{ expr1 }} {{ operator }} {{ expr2 }})
{%- endmacro %}

{% macro bigquery__escape_single_quotes(expression) -%}{{ expression | replace("'", "\\'") }}{%- endmacro %}

{% macro bigquery__except() %}except distinct{% endmacro %}
{% macro bigquery__intersect() %}intersect distinct{% endmacro %}

{% macro bigquery__hash(field) -%}to_hex({{ dbt.default__hash(field) }}){%- endmacro %}

{% macro bigquery__listagg(measure, delimiter_text, order_by_clause, limit_num) -%}
  {%- set order = order_by_clause or '' -%}
  string_agg(
    {{ measure }},
    {{ delimiter_text }}
    {{ order }}{{ ' limit ' ~ limit_num if limit_num }}
    )
{%- endmacro %}

{% macro bigquery__position(substring_text, string_text) %}
  strpos(
    {{ string_text }},
    {{ substring_text }}
  )
{%- endmacro -%}

{% macro bigquery__right(string_text, length_expression) %}
  case when {{ length_expression }} = 0
    then ''
  else
    substr(
      {{ string_text }},
      -1 * ({{ length_expression }})
    )
  end
{%- endmacro -%}

{# An array is cast element by element; a struct or a geography that is given as text loses its quotes. #}
{% macro bigquery__safe_cast(field, type) %}
  {%- set kind = type.lower() -%}
  {%- if kind.startswith('array') and field is iterable and field is not string and field is not mapping and field | length > 0 -%}
    {%- set element = kind[6:-1] -%}
    {%- if cast_from_string_unsupported_for(element) -%}
      (select array_agg(safe_cast(i as {{ element }})) from unnest([
        {%- for item in field %}
          {{ item.strip('"').strip("'") }}{{ ',' if not loop.last }}
        {%- endfor %}
      ]) i)
    {%- else -%}
      (select array_agg(safe_cast(i as {{ element }})) from unnest({{ field }}) i)
    {%- endif -%}
  {%- elif kind == 'json' and field is mapping -%}
    safe_cast(json {{ dbt.string_literal(tojson(field)) }} as json)
  {%- else -%}
    {%- set bare = field is string and cast_from_string_unsupported_for(type) -%}
    safe_cast({{ field.strip('"').strip("'") if bare else field }} as {{ type }})
  {%- endif -%}
{% endmacro %}

{% macro cast_from_string_unsupported_for(type) %}
  {{ return(type.lower().startswith('struct') or type.lower() == 'geography') }}
{% endmacro %}

{% macro bigquery__split_part(string_text, delimiter_text, part_number) %}
  split(
    {{ string_text }},
    {{ delimiter_text }}
  {% if part_number >= 0 -%}
    )[safe_offset({{ part_number - 1 }})]
  {%- else -%}
    )[safe_offset(
      length({{ string_text }})
      - length(
        replace({{ string_text }}, {{ delimiter_text }}, '')
      ) + 1 + {{ part_number }}
    )]
  {%- endif %}
{% endmacro %}

{%- macro bigquery__string_literal(value) -%}'''{{ value }}'''{%- endmacro -%}

{% macro bigquery__current_timestamp() -%}current_timestamp(){%- endmacro %}
{% macro bigquery__current_timestamp_backcompat() -%}current_timestamp{%- endmacro %}
{% macro bigquery__snapshot_string_as_time(timestamp) -%}{{ return('TIMESTAMP("' ~ timestamp ~ '")') }}{%- endmacro %}

{% macro bigquery__snapshot_hash_arguments(args) -%}
  to_hex(md5(concat({%- for arg in args -%}
    coalesce(cast({{ arg }} as string), ''){{ ", '|'," if not loop.last }}
  {%- endfor -%}
  )))
{%- endmacro %}

{% macro bigquery__test_unique(model, column_name) %}
  with dbt_test__target as (
    select {{ column_name }} as unique_field
    from {{ model }}
    where {{ column_name }} is not null
  )
  select
    unique_field,
    count(*) as n_records
  from dbt_test__target
  group by unique_field
  having count(*) > 1
{% endmacro %}

{# ── What projects call by name ──────────────────────────────────────────── #}

{% macro date_sharded_table(base_name) %}{{ return(base_name ~ '[DBT__PARTITION_DATE]') }}{% endmacro %}

{% macro grant_access_to(entity, entity_type, role, grant_target_dict) -%}
  {% do adapter.grant_access_to(entity, entity_type, role, grant_target_dict) %}
{% endmacro %}

{%- macro get_partitions_metadata(table) -%}{{- return(adapter.get_partitions_metadata(table) if execute else None) -}}{%- endmacro -%}

{% macro bigquery__upload_file(local_file_path, database, table_schema, table_name) %}
  {{ log('kwargs: ' ~ kwargs) }}
  {% do adapter.upload_file(local_file_path, database, table_schema, table_name, kwargs=kwargs) %}
{% endmacro %}

{% macro bigquery__resolve_model_name(input_model_name) -%}
  {{ input_model_name | string | replace('`', '') | replace('"', '\"') }}
{%- endmacro -%}

{# ── Clauses of a table ──────────────────────────────────────────────────── #}

{% macro cluster_by(raw_cluster_by) %}
  {%- if raw_cluster_by is not none -%}
    cluster by {{ raw_cluster_by if raw_cluster_by is string else raw_cluster_by | join(', ') }}
  {%- endif -%}
{%- endmacro -%}

{% macro partition_by(partition_config) -%}
  {%- if partition_config is none -%}{% do return('') %}{%- endif -%}
  {%- set type = partition_config.data_type | lower -%}
  {%- if partition_config.time_ingestion_partitioning -%}
    partition by {{ partition_config.render_wrapped() }}
  {%- elif type in ['date', 'timestamp', 'datetime'] -%}
    partition by {{ partition_config.render() }}
  {%- elif type == 'int64' -%}
    {%- set range = partition_config.range -%}
    partition by range_bucket(
      {{ partition_config.field }},
      generate_array({{ range.start }}, {{ range.end }}, {{ range.interval }})
    )
  {%- endif -%}
{%- endmacro -%}

{% macro bigquery_options(opts) %}
  {% set options -%}
    OPTIONS({% for name, value in opts.items() %}
      {{ name }}={{ value }}{{ ',' if not loop.last }}
    {% endfor %})
  {%- endset %}
  {%- do return(options) -%}
{%- endmacro -%}
{% macro bigquery_table_options(config, node, temporary) %}
  {%- do return(bigquery_options(adapter.get_table_options(config, node, temporary))) -%}
{%- endmacro -%}
{% macro bigquery_view_options(config, node) %}{%- do return(bigquery_options(adapter.get_view_options(config, node))) -%}{%- endmacro -%}

{# ── Queries around a query ──────────────────────────────────────────────── #}

{# The comparison keeps a planner from answering without looking at the tables. #}
{% macro bigquery__get_empty_subquery_sql(select_sql, select_sql_header=none) %}
  {%- if select_sql_header is not none -%}
  {{ select_sql_header }}
  {%- endif -%}
  select * from (
    {{ select_sql }}
  ) as __dbt_sbq
  where false and current_timestamp() = current_timestamp()
  limit 0
{% endmacro %}

{# Columns of structs are given as a.b and nested before their types are compared. #}
{% macro bigquery__get_empty_schema_sql(columns) %}
  {%- set untyped = columns.values() | selectattr('data_type', 'undefined') | map(attribute='name') | list -%}
  {%- if untyped -%}
    {{ exceptions.column_type_missing(column_names=untyped) }}
  {%- endif -%}
  {{ return(dbt.default__get_empty_schema_sql(adapter.nest_column_data_types(columns))) }}
{% endmacro %}

{% macro bigquery__get_select_subquery(sql) %}
  select {{ adapter.dispatch('get_column_names')() }}
  from (
    {{ sql }}
  ) as model_subq
{%- endmacro %}

{% macro bigquery__get_column_names() %}
  {%- for column in adapter.nest_column_data_types(model['columns']).values() %}
    {%- set name = adapter.quote(column['name']) if column.get('quote') else column['name'] -%}
    {{ api.Column.get_struct_select_expression(name, column.get('data_type') or '') }}{{ ', ' if not loop.last }}
  {%- endfor -%}
{% endmacro %}

{% macro bigquery__format_column(column) -%}
  {% set type = column.data_type %}
  {{ return({'name': column.name, 'data_type': type, 'formatted': column.column.lower() ~ ' ' ~ type}) }}
{%- endmacro -%}

{% macro get_columns_with_types_in_query_sql(select_sql) %}
  {% set sql %}
    {{ config.get('sql_header', none) or '' }}
    select * from (
      {{ select_sql }}
    ) as __dbt_sbq
    where false
    limit 0
  {% endset %}
  {{ return(adapter.get_columns_in_select_sql(sql)) }}
{% endmacro %}

{# ── Relations ───────────────────────────────────────────────────────────── #}

{% macro bigquery__make_relation_with_suffix(base_relation, suffix, dstring) %}
  {% set tail = suffix ~ modules.datetime.datetime.now().strftime('%H%M%S%f') if dstring else suffix %}
  {% if tail | length > 1024 %}
    {% do exceptions.raise_compiler_error(
      'Relation suffix is too long (' ~ tail | length ~ ' characters). Maximum length is 1024 characters.'
    ) %}
  {% endif %}
  {{ return(base_relation.incorporate(path={'identifier': base_relation.identifier[:1024 - tail | length] ~ tail})) }}
{% endmacro %}
{% macro bigquery__make_temp_relation(base_relation, suffix) %}
  {{ return(bigquery__make_relation_with_suffix(base_relation, suffix, dstring=True)) }}
{% endmacro %}
{% macro bigquery__make_intermediate_relation(base_relation, suffix) %}
  {{ return(bigquery__make_relation_with_suffix(base_relation, suffix, dstring=False)) }}
{% endmacro %}
{% macro bigquery__make_backup_relation(base_relation, backup_relation_type, suffix) %}
  {% set named = bigquery__make_relation_with_suffix(base_relation, suffix, dstring=False) %}
  {{ return(named.incorporate(type=backup_relation_type)) }}
{% endmacro %}

{% macro bigquery__drop_relation(relation) -%}{% do adapter.drop_relation(relation) %}{% endmacro %}
{% macro bigquery__rename_relation(from_relation, to_relation) -%}{% do adapter.rename_relation(from_relation, to_relation) %}{% endmacro %}
{% macro bigquery__drop_schema(relation) -%}{{ adapter.drop_schema(relation) }}{% endmacro %}
{% macro bigquery__drop_table(relation) %}
  drop table if exists {{ relation }}
{% endmacro %}
{% macro bigquery__drop_view(relation) %}
  drop view if exists {{ relation }}
{% endmacro %}
{%- macro bigquery__get_rename_table_sql(relation, new_name) -%}alter table {{ relation }} rename to {{ new_name }}{%- endmacro -%}
{%- macro bigquery__get_rename_view_sql(relation, new_name) -%}alter view {{ relation }} rename to {{ new_name }}{%- endmacro -%}

{% macro bigquery__get_columns_in_relation(relation) -%}{{ return(adapter.get_columns_in_relation(relation)) }}{% endmacro %}
{% macro bigquery__list_schemas(database) -%}{{ return(adapter.list_schemas(database)) }}{% endmacro %}
{% macro bigquery__list_relations_without_caching(schema_relation) -%}
  {{ return(adapter.list_relations_without_caching(schema_relation)) }}
{%- endmacro %}
{% macro bigquery__check_schema_exists(information_schema, schema) %}
  {{ return(adapter.check_schema_exists(information_schema.database, schema)) }}
{% endmacro %}
{% macro bigquery__create_columns(relation, columns) %}{{ adapter.alter_table_add_columns(relation, columns) }}{% endmacro %}
{% macro bigquery__alter_relation_add_remove_columns(relation, add_columns, remove_columns) %}
  {% do adapter.alter_table_add_remove_columns(relation, add_columns, remove_columns) %}
{% endmacro %}
{% macro bigquery__alter_relation_add_columns(relation, add_columns) %}
  {% set changes = [] %}
  {% for column in add_columns %}{% do changes.append('add column ' ~ column.name ~ ' ' ~ column.data_type) %}{% endfor %}
  {{ return(run_query('alter ' ~ relation.type ~ ' ' ~ relation ~ ' ' ~ changes | join(', '))) }}
{% endmacro %}
{% macro bigquery__alter_relation_drop_columns(relation, drop_columns) %}
  {% set changes = [] %}
  {% for column in drop_columns %}{% do changes.append('drop column ' ~ column.name) %}{% endfor %}
  {{ return(run_query('alter ' ~ relation.type ~ ' ' ~ relation ~ ' ' ~ changes | join(', '))) }}
{% endmacro %}

{% macro bigquery__handle_existing_table(full_refresh, old_relation) %}
  {{ adapter.drop_relation(old_relation) if full_refresh else exceptions.relation_wrong_type(old_relation, 'view') }}
{% endmacro %}
{% macro handle_existing_table(full_refresh, old_relation) %}
  {{ adapter.dispatch('handle_existing_table', 'dbt')(full_refresh, old_relation) }}
{% endmacro %}
{% macro default__handle_existing_table(full_refresh, old_relation) %}
  {{ log('Dropping relation ' ~ old_relation ~ ' because it is of type ' ~ old_relation.type) }}
  {{ adapter.drop_relation(old_relation) }}
{% endmacro %}

{% macro bigquery__drop_materialized_view(relation) %}drop materialized view if exists {{ relation }}{% endmacro %}
{% macro bigquery__refresh_materialized_view(relation) %}
  call bq.refresh_materialized_view('{{ relation.database }}.{{ relation.schema }}.{{ relation.identifier }}')
{% endmacro %}

{% macro bigquery__can_clone_table() %}{{ return(True) }}{% endmacro %}
{% macro bigquery__create_or_replace_clone(this_relation, defer_relation) %}
  drop table if exists {{ this_relation }};
  create or replace
    table {{ this_relation }}
    clone {{ defer_relation }};
{% endmacro %}

{% macro bigquery__create_view_as(relation, sql) -%}
  {{ config.get('sql_header', none) or '' }}
  create or replace view {{ relation }}
  {{ bigquery_view_options(config, model) }}
  {%- if config.get('contract').enforced -%}
    {{ get_assert_columns_equivalent(sql) }}
  {%- endif %}
  as {{ sql }};
{% endmacro %}

{% macro bigquery__post_snapshot(staging_relation) %}
  -- Clean up the snapshot temp table
  {% do drop_relation(staging_relation) %}
{% endmacro %}

{% macro bigquery__reset_csv_table(model, full_refresh, old_relation, agate_table) %}
  {{ adapter.drop_relation(old_relation) }}
  {% if agate_table.rows | length == 0 %}{{ return(bigquery__create_csv_table(model, agate_table)) }}{% endif %}
{% endmacro %}

{# ── Incremental models ──────────────────────────────────────────────────── #}

{% macro dbt_bigquery_validate_get_incremental_strategy(config) %}
  {% set strategy = config.get('incremental_strategy') or 'merge' %}
  {% if strategy not in ['merge', 'insert_overwrite', 'microbatch'] %}
    {% do exceptions.raise_compiler_error(
      'Invalid incremental strategy provided: ' ~ strategy ~ "\nExpected one of: 'merge', 'insert_overwrite', 'microbatch'"
    ) %}
  {% elif strategy == 'microbatch' %}
    {% do bq_validate_microbatch_config(config) %}
  {% endif %}
  {% do return(strategy) %}
{% endmacro %}

{% macro bigquery__get_merge_unique_key_match(source_unique_key, target_unique_key) -%}
  {%- set same = '(' ~ source_unique_key ~ ' = ' ~ target_unique_key ~ ')' -%}
  {%- if adapter.behavior.enable_truthy_nulls_equals_macro.no_warn -%}
    (({{ source_unique_key }} is null and {{ target_unique_key }} is null) or {{ same }})
  {%- else -%}
    {{ same }}
  {%- endif %}
{%- endmacro %}

{% macro source_sql_with_partition(partition_by, source_sql) %}
  {{ return(
    wrap_with_time_ingestion_partitioning_sql(partition_by, source_sql, False) if partition_by.time_ingestion_partitioning
    else source_sql
  ) }}
{% endmacro %}

{% macro wrap_with_time_ingestion_partitioning_sql(partition_by, sql, is_nested) %}
  {%- set field = partition_by.field %}
  select TIMESTAMP({{ field }}) as {{ partition_by.insertable_time_partitioning_field() }}, * EXCEPT({{ field }}) from (
    {{ sql }}
  ){{ ';' if not is_nested }}
{% endmacro %}

{% macro declare_dbt_max_partition(relation, partition_by, compiled_code, language='sql') %}
  {%- if language == 'sql' and '_dbt_max_partition' in compiled_code -%}
    declare _dbt_max_partition {{ partition_by.data_type_for_partition() }} default (
      select max({{ partition_by.field }}) from {{ this }}
      where {{ partition_by.field }} is not null
    );
  {%- endif -%}
{% endmacro %}

{% macro get_quoted_with_types_csv(columns) %}
  {% set quoted = [] %}
  {% for column in columns %}{% do quoted.append(adapter.quote(column.name) ~ ' ' ~ column.data_type) %}{% endfor %}
  {{ return(quoted | join(', ')) }}
{% endmacro %}
{% macro columns_without_partition_fields_csv(partition_config, columns) -%}
  {{ return(get_quoted_with_types_csv(partition_config.reject_partition_field_column(columns))) }}
{%- endmacro -%}

{# ── Grants and comments ─────────────────────────────────────────────────── #}

{% macro bigquery__get_show_grant_sql(relation) %}
  {% set located = relation.incorporate(location=adapter.get_dataset_location(relation)) %}
  select privilege_type, grantee
  from {{ located.information_schema("OBJECT_PRIVILEGES") }}
  where object_schema = "{{ located.dataset }}"
    and object_name = "{{ located.identifier }}"
    -- filter out current user
    and split(grantee, ':')[offset(1)] != session_user()
{% endmacro %}
{%- macro bigquery__get_grant_sql(relation, privilege, grantee) -%}
  grant `{{ privilege }}` on {{ relation.type }} {{ relation }} to {{ '\"' ~ grantee | join('\", \"') ~ '\"' }}
{%- endmacro -%}
{%- macro bigquery__get_revoke_sql(relation, privilege, grantee) -%}
  revoke `{{ privilege }}` on {{ relation.type }} {{ relation }} from {{ '\"' ~ grantee | join('\", \"') ~ '\"' }}
{%- endmacro -%}

{% macro bigquery__alter_relation_comment(relation, relation_comment) -%}
  {% if not adapter.behavior.bigquery_noop_alter_relation_comment.no_warn %}
    {% do adapter.update_table_description(relation.database, relation.schema, relation.identifier, relation_comment) %}
  {% endif %}
{% endmacro %}
{% macro bigquery__alter_column_comment(relation, column_dict) -%}{% do adapter.update_columns(relation, column_dict) %}{% endmacro %}

{# ── Functions ───────────────────────────────────────────────────────────── #}

{% macro bigquery__scalar_function_create_replace_signature_sql(target_relation) %}
  CREATE OR REPLACE FUNCTION {{ target_relation.render() }} ({{ formatted_scalar_function_args_sql() }})
  RETURNS {{ model.returns.data_type }}
  {{ scalar_function_volatility_sql() }}
  AS
{% endmacro %}
{% macro bigquery__scalar_function_body_sql() %}
  (
    {{ model.compiled_code }}
  )
{% endmacro %}
{% macro bigquery__scalar_function_volatility_sql() %}
  {% if model.config.get('volatility') != None %}{% do unsupported_volatility_warning(model.config.get('volatility')) %}{% endif %}
{% endmacro %}

{% macro bigquery__scalar_function_create_replace_signature_python(target_relation) %}
  CREATE OR REPLACE FUNCTION {{ target_relation.render() }} ({{ formatted_scalar_function_args_sql() }})
  RETURNS {{ model.returns.data_type }}
  LANGUAGE python
  {{ get_function_python_options() }}
  {{ scalar_function_volatility_sql() }}
  AS
{% endmacro %}
{% macro bigquery__get_function_python_options() %}
  {% set packages = model.config.get('packages') or [] %}
  OPTIONS(
    runtime_version = "{{ 'python-' ~ model.config.get('runtime_version') }}",
    entry_point = "{{ model.config.get('entry_point') }}"
    {%- if packages %},
    packages = ['{{ packages | join("', '") }}']
    {%- endif %}
  )
{% endmacro %}
{% macro bigquery__get_function_body() %}
    r'''
{{ model.compiled_code }}
    '''
{% endmacro %}
{% macro bigquery__scalar_function_python(target_relation) %}
  {{ bigquery__scalar_function_create_replace_signature_python(target_relation) }}
  {{ bigquery__get_function_body() }}
{% endmacro %}

{% macro bigquery__scalar_function_create_replace_signature_javascript(target_relation) %}
  CREATE OR REPLACE FUNCTION {{ target_relation.render() }} ({{ formatted_scalar_function_args_sql() }})
  RETURNS {{ model.returns.data_type }}
  {{ scalar_function_volatility_javascript() }}
  LANGUAGE js
  AS
{% endmacro %}
{% macro bigquery__scalar_function_volatility_javascript() %}
  {% set volatility = model.config.get('volatility') %}
  {% set words = {'deterministic': 'DETERMINISTIC', 'non-deterministic': 'NOT DETERMINISTIC'} %}
  {% if volatility in words %}
    {{ words[volatility] }}
  {% elif volatility != none %}
    {% do unsupported_volatility_warning(volatility) %}
  {% endif %}
{% endmacro %}
{% macro bigquery__scalar_function_javascript(target_relation) %}
  {{ bigquery__scalar_function_create_replace_signature_javascript(target_relation) }}
  {{ bigquery__get_function_body() }}
{% endmacro %}

{% macro bigquery__aggregate_function_sql(target_relation) %}
  {{ get_aggregate_function_create_replace_signature(target_relation) }}
  {{ scalar_function_body_sql() }}
{% endmacro %}
{% macro bigquery__aggregate_function_javascript(target_relation) %}
  {{ get_aggregate_function_create_replace_signature(target_relation) }}
  {{ bigquery__get_function_body() }}
{% endmacro %}
