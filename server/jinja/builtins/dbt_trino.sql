{# dbt-trino's own macros: what differs from the default. #}

{# ── Names ───────────────────────────────────────────────────────────────── #}

{# Starburst Galaxy keeps its functions in galaxy.functions, whatever the target's schema. #}
{% macro trino__generate_schema_name(custom_schema_name, node) -%}
  {%- if custom_schema_name is not none and node is not none and node.database | lower == 'galaxy'
    and custom_schema_name | trim | lower == 'functions' -%}
    {{ custom_schema_name | trim }}
  {%- else -%}
    {{ dbt.default__generate_schema_name(custom_schema_name, node) }}
  {%- endif -%}
{%- endmacro %}

{% macro is_galaxy_functions_schema(relation) %}
  {{ return(relation.database | lower == 'galaxy' and relation.schema | lower == 'functions') }}
{% endmacro %}

{# ── SQL that is spelled differently by each database ────────────────────── #}

{% macro trino__any_value(expression) -%}min({{ expression }}){%- endmacro %}

{% macro trino__array_append(array, new_element) -%}{{ array_concat(array, array_construct([new_element])) }}{%- endmacro %}
{% macro trino__array_concat(array_1, array_2) -%}concat({{ array_1 }}, {{ array_2 }}){%- endmacro %}
{% macro trino__array_construct(inputs, data_type) -%}{{ 'array[ ' ~ inputs | join(' , ') ~ ' ]' if inputs else 'null' }}{%- endmacro %}

{% macro trino__bool_or(expression) -%}bool_or({{ expression }}){%- endmacro %}

{% macro trino__date_trunc(datepart, date) -%}date_trunc('{{ datepart }}', {{ date }}){%- endmacro %}

{% macro trino__dateadd(datepart, interval, from_date_or_timestamp) -%}
  date_add('{{ datepart }}', {{ interval }}, {{ from_date_or_timestamp }})
{%- endmacro %}

{# Each part is the bigger one's difference in its own units, and then the parts of both dates. #}
{% macro trino__datediff(first_date, second_date, datepart) -%}
  {%- set time1, time2 = ('CAST(' ~ first_date ~ ' AS TIMESTAMP)', 'CAST(' ~ second_date ~ ' AS TIMESTAMP)') -%}
  {%- set parts = datepart ~ '(' ~ time2 ~ ') - ' ~ datepart ~ '(' ~ time1 ~ ')' -%}
  {%- set bigger = {
    'quarter': ['year', 4], 'month': ['year', 12], 'hour': ['day', 24], 'minute': ['hour', 60], 'second': ['minute', 60]
  } -%}
  {%- if datepart == 'year' -%}
    ({{ parts }})
  {%- elif datepart in ['quarter', 'month'] -%}
    ({{ datediff(first_date, second_date, bigger[datepart][0]) }} * {{ bigger[datepart][1] }}) + {{ parts }}
  {%- elif datepart in ['hour', 'minute', 'second'] -%}
    ({{ datediff(first_date, second_date, bigger[datepart][0]) }} * {{ bigger[datepart][1] }} + {{ parts }})
  {%- elif datepart == 'day' -%}
    ((to_milliseconds((CAST({{ time2 }} AS DATE) - CAST({{ time1 }} AS DATE)))) / 86400000)
  {%- elif datepart == 'week' -%}
    ({{ datediff(first_date, second_date, 'day') }} / 7 + case
      when dow({{ time1 }}) <= dow({{ time2 }}) then
        case when {{ first_date }} <= {{ second_date }} then 0 else -1 end
      else
        case when {{ first_date }} <= {{ second_date }} then 1 else 0 end
    end)
  {%- elif datepart == 'millisecond' -%}
    (to_milliseconds(({{ time2 }} - {{ time1 }})))
  {%- elif execute -%}
    {{ exceptions.raise_compiler_error('Unsupported datepart for macro datediff in Trino: {!r}'.format(datepart)) }}
  {%- endif -%}
{%- endmacro %}

{# As the default, but both ends are dates. #}
{% macro trino__date_spine(datepart, start_date, end_date) %}
  {% set day = 'date_' ~ datepart %}
  with rawdata as (
    {{ dbt.generate_series(dbt.get_intervals_between(start_date, end_date, datepart)) }}
  ),
  all_periods as (
    select (
      {{ dbt.dateadd(datepart, 'row_number() over (order by 1) - 1', 'cast(' ~ start_date ~ ' as date)') }}
    ) as {{ day }}
    from rawdata
  ),
  filtered as (
    select *
    from all_periods
    where {{ day }} <= cast({{ end_date }} as date)
  )
  select * from filtered
{% endmacro %}

{% macro trino__hash(field) -%}lower(to_hex(md5(to_utf8(cast({{ field }} as varchar))))){%- endmacro %}

{% macro trino__listagg(measure, delimiter_text, order_by_clause, limit_num) -%}
  {% set list = ' array_agg(' ~ measure ~ ' ' ~ (order_by_clause or '') ~ ') ' %}
  {% set list = ' slice(' ~ list ~ ', 1, ' ~ limit_num ~ ') ' if limit_num else list %}
  {% do return(' array_join(' ~ list ~ ', ' ~ delimiter_text ~ ') ') %}
{%- endmacro %}

{% macro trino__right(string_text, length_expression) %}
  case when {{ length_expression }} = 0
    then ''
  else
    substr({{ string_text }}, -1 * ({{ length_expression }}))
  end
{%- endmacro -%}

{% macro trino__safe_cast(field, type) -%}try_cast({{ field }} as {{ type }}){%- endmacro %}

{% macro trino__split_part(string_text, delimiter_text, part_number) %}
  {{ dbt.default__split_part(string_text, delimiter_text, part_number) if part_number >= 0
    else dbt._split_part_negative(string_text, delimiter_text, part_number) }}
{% endmacro %}

{% macro trino__type_float() -%}double{%- endmacro %}
{%- macro trino__type_int() -%}integer{%- endmacro -%}
{% macro trino__type_numeric() -%}decimal(28, 6){%- endmacro %}
{% macro trino__type_string() -%}varchar{%- endmacro %}

{% macro trino__current_timestamp() -%}current_timestamp{%- endmacro %}
{% macro trino__snapshot_string_as_time(timestamp) %}{{ return("timestamp '" ~ timestamp ~ "'") }}{% endmacro %}

{% macro trino__snapshot_hash_arguments(args) -%}
  lower(to_hex(md5(to_utf8(concat({%- for arg in args -%}
    coalesce(cast({{ arg }} as varchar), ''){{ ", '|'," if not loop.last }}
  {%- endfor -%}
  )))))
{%- endmacro %}

{# ── Unit tests ──────────────────────────────────────────────────────────── #}

{# As dbt's own, which it hides: Trino calls its sized texts varchar(n). #}
{%- macro format_row(row, column_name_to_data_types) -%}
  {% set cells = {} %}
  {%- for given, value in row.items() -%}
    {% set name = given | lower %}
    {%- if name not in column_name_to_data_types %}
      {% set fixture = 'expected output' if model.resource_type == 'unit_test' else "'" ~ model.name ~ "'" %}
      {{ exceptions.raise_compiler_error(
        "Invalid column name: '" ~ name ~ "' in unit test fixture for " ~ fixture ~ ".\nAccepted columns for " ~ fixture
        ~ " are: " ~ column_name_to_data_types.keys() | list
      ) }}
    {%- endif -%}
    {%- set type = column_name_to_data_types[name] %}
    {%- if value is string -%}
      {%- set type = type.split('(')[0] if (type | lower).startswith('varchar(') else type -%}
      {%- set value = dbt.string_literal(dbt.escape_single_quotes(value)) -%}
    {%- elif value is none -%}
      {%- set value = 'null' -%}
    {%- endif -%}
    {%- do cells.update({name: safe_cast(value, type)}) -%}
  {%- endfor -%}
  {{ return(cells) }}
{%- endmacro -%}

{# ── Statements ──────────────────────────────────────────────────────────── #}

{% macro comment(comment) %}
  {%- set persist_docs = model.get('config', {}).get('persist_docs') or {} -%}
  {%- if persist_docs.get('relation') and comment -%}
    comment '{{ comment | replace("'", "''") }}'
  {%- endif -%}
{%- endmacro -%}

{%- macro trino__get_drop_sql(relation) -%}
  drop {{ relation.type | replace('_', ' ') }} if exists {{ relation }}
{% endmacro %}

{% macro trino__rename_relation(from_relation, to_relation) -%}
  {% call statement('rename_relation') -%}
    alter {{ from_relation.type | replace('_', ' ') }} {{ from_relation }} rename to {{ to_relation }}
  {%- endcall %}
{% endmacro %}

{% macro trino__information_schema_name(database) -%}{{ database ~ '.' if database }}INFORMATION_SCHEMA{%- endmacro %}

{% macro trino__list_schemas(database) -%}
  {% call statement('list_schemas', fetch_result=True, auto_begin=False) %}
    select schema_name
    from {{ information_schema_name(database) }}.schemata
  {% endcall %}
  {{ return(load_result('list_schemas').table) }}
{% endmacro %}

{% macro trino__check_schema_exists(information_schema, schema) -%}
  {% call statement('check_schema_exists', fetch_result=True, auto_begin=False) -%}
    select count(*)
    from {{ information_schema }}.schemata
    where catalog_name = '{{ information_schema.database }}'
      and schema_name = '{{ schema | lower }}'
  {%- endcall %}
  {{ return(load_result('check_schema_exists').table) }}
{% endmacro %}

{% macro trino__create_schema(relation) -%}
  {%- call statement('create_schema') -%}
    {{ 'select 1' if is_galaxy_functions_schema(relation) else 'create schema if not exists ' ~ relation.without_identifier() }}
  {%- endcall -%}
{% endmacro %}

{% macro list_functions_in_schema(relation) %}
  {% call statement('list_functions_in_schema', fetch_result=True) -%}
    show functions from {{ relation.without_identifier() }}
  {%- endcall %}
  {{ return(load_result('list_functions_in_schema').table) }}
{% endmacro %}

{% macro trino__reset_csv_table(model, full_refresh, old_relation, agate_table) %}
  {%- if model['config'].get('on_table_exists') == 'replace' -%}
    {{ return(trino__create_csv_table(model, agate_table, on_exists='replace')) }}
  {%- endif -%}
  {{ adapter.drop_relation(old_relation) }}
  {{ return(create_csv_table(model, agate_table)) }}
{% endmacro %}

{% macro trino__get_batch_size() %}{{ return(1000) }}{% endmacro %}
{% macro trino__get_binding_char() %}{{ return('?' if target.prepared_statements_enabled | as_bool else '%s') }}{% endmacro %}

{% macro trino__post_snapshot(staging_relation) %}
  -- Clean up the snapshot temp table
  {% do drop_relation(staging_relation) %}
{% endmacro %}

{% macro get_incremental_tmp_relation_type(strategy, unique_key, language) %}
  {% set plain = strategy in ['default', 'append', 'merge'] or unique_key is none %}
  {{ return('view' if language == 'sql' and config.get('views_enabled', true) and plain else 'table') }}
{% endmacro %}

{# The security clause is the config's, even if it is none of the two. #}
{% macro trino__create_view_as(relation, sql) -%}
  create or replace view
    {{ relation }}
  {%- if config.get('contract').enforced -%}
    {{ get_assert_columns_equivalent(sql) }}
  {%- endif %}
  security {{ config.get('view_security', 'definer') }}
  as
    {{ sql }}
  ;
{% endmacro %}

{# Only nested rows change in place; else a new column takes the values and then the old one's name. #}
{% macro trino__alter_column_type(relation, column_name, new_column_type) %}
  {%- set old = adapter.quote(column_name) -%}
  {%- set new = adapter.quote(column_name + '__dbt_alter') -%}
  {% call statement('alter_column_type') %}
    {%- if config.get('sync_nested_columns', false) and (new_column_type | lower).startswith('row(') -%}
      alter table {{ relation }} alter column {{ old }} set data type {{ new_column_type }}
    {%- else -%}
      alter table {{ relation }} add column {{ new }} {{ new_column_type }};
      update {{ relation }} set {{ new }} = CAST({{ old }} AS {{ new_column_type }});
      alter table {{ relation }} drop column {{ old }};
      alter table {{ relation }} rename column {{ new }} to {{ old }}
    {%- endif -%}
  {% endcall %}
{% endmacro %}

{% macro trino__get_materialized_view_configuration_changes(existing_relation, new_config) %}{% do return(None) %}{% endmacro %}
{%- macro trino__refresh_materialized_view(relation) -%}refresh materialized view {{ relation }}{%- endmacro -%}

{# ── Grants and comments ─────────────────────────────────────────────────── #}

{% macro trino__copy_grants() %}{{ return(False) }}{% endmacro %}
{%- macro trino__support_multiple_grantees_per_dcl_statement() -%}{{ return(False) }}{%- endmacro -%}

{% macro trino__get_show_grant_sql(relation) -%}
  select
    grantee,
    lower(privilege_type) as privilege_type
  from information_schema.table_privileges
  where table_catalog = '{{ relation.database }}'
  and table_schema = '{{ relation.schema }}'
  and table_name = '{{ relation.identifier }}'
{%- endmacro %}
{%- macro trino__get_grant_sql(relation, privilege, grantees) -%}
  grant {{ privilege }} on {{ relation }} to {{ adapter.quote(grantees[0]) }}
{%- endmacro %}
{% macro trino__call_dcl_statements(dcl_statement_list) %}
  {% for dcl in dcl_statement_list %}
    {% call statement('grant_or_revoke') %}{{ dcl }}{% endcall %}
  {% endfor %}
{% endmacro %}

{# Hides dbt's own: Trino's names are in lower case. #}
{% macro validate_doc_columns(relation, column_dict, existing_column_names) %}
  {% set lowered = existing_column_names | map('lower') | list %}
  {% set found = {} %}
  {% set missing = [] %}
  {% for name, column in column_dict.items() %}
    {% if name | lower in lowered %}
      {% do found.update({name | lower: column}) %}
    {% else %}
      {% do missing.append(name) %}
    {% endif %}
  {% endfor %}
  {% if missing %}
    {{ exceptions.warn(
      'In relation ' ~ relation.render()
      ~ ': The following columns are specified in the schema but are not present in the database: ' ~ missing | join(', ')
    ) }}
  {% endif %}
  {{ return(found) }}
{% endmacro %}

{% macro trino__alter_relation_comment(relation, relation_comment) -%}
  comment on {{ relation.type }} {{ relation }} is '{{ relation_comment | replace("'", "''") }}';
{% endmacro %}
{% macro trino__alter_column_comment(relation, column_dict) %}
  {% for name, column in column_dict.items() %}
    {%- set text = "'" ~ column['description'] | replace("'", "''") ~ "'" if column['description'] else 'null' -%}
    comment on column {{ relation }}.{{ adapter.quote(name) if column['quote'] else name }} is {{ text }};
  {% endfor %}
{% endmacro %}

{# ── Functions ───────────────────────────────────────────────────────────── #}

{% macro trino__scalar_function_sql(target_relation) %}
  {{ scalar_function_create_replace_signature_sql(target_relation) }}
  {{ scalar_function_body_sql() }}
{% endmacro %}
{% macro trino__scalar_function_create_replace_signature_sql(target_relation) %}
  CREATE OR REPLACE FUNCTION {{ target_relation.render() }} ({{ formatted_scalar_function_args_sql() }})
  RETURNS {{ model.returns.data_type }}
  {{ scalar_function_volatility_sql() }}
  {% if model.description %}
  COMMENT '{{ model.description | replace("'", "''") }}'
  {% endif %}
{% endmacro %}
{% macro trino__scalar_function_body_sql() %}RETURN {{ model.compiled_code | trim }}{% endmacro %}
{% macro trino__scalar_function_volatility_sql() %}
  {% set volatility = model.config.get('volatility') %}
  {% set words = {'deterministic': 'DETERMINISTIC', 'non-deterministic': 'NOT DETERMINISTIC'} %}
  {% if volatility in words %}
    {{ words[volatility] }}
  {% elif volatility != none %}
    {% do unsupported_volatility_warning(volatility) %}
  {% endif %}
{% endmacro %}
{# A function has neither grants nor comments. #}
{% macro trino__function_execute_build_sql(build_sql, existing_relation, target_relation) %}
  {% if config.get('grants') %}
    {% do exceptions.warn('Grants are not supported on functions by dbt-trino and will be ignored for `' ~ model.name ~ '`') %}
  {% endif %}
  {% call statement(name='main') %}{{ build_sql }}{% endcall %}
  {{ adapter.commit() }}
{% endmacro %}
