{# dbt-duckdb's own macros: what differs from the default. #}

{# ── SQL that is spelled differently by each database ────────────────────── #}

{% macro duckdb__any_value(expression) -%}arbitrary({{ expression }}){%- endmacro %}

{% macro duckdb__date(year, month, day) -%}make_date({{ year }}, {{ month }}, {{ day }}){%- endmacro %}

{# Any number of units, a column as well; quarters and weeks are counted in months and days. #}
{% macro duckdb__dateadd(datepart, interval, from_date_or_timestamp) %}
  {% set unit = datepart | lower -%}
  {%- set count = 'cast(' ~ interval ~ ' as bigint)' -%}
  {%- if unit == 'quarter' -%}
    {%- set count, unit = ('(' ~ count ~ ' * 3)', 'month') -%}
  {%- elif unit == 'week' -%}
    {%- set count, unit = ('(' ~ count ~ ' * 7)', 'day') -%}
  {%- endif -%}
  ({{ from_date_or_timestamp }} + {{ count }} * interval 1 {{ unit }})
{% endmacro %}

{# Weeks begin on Sunday: whole weeks, and one more when a Sunday lies between. #}
{% macro duckdb__datediff(first_date, second_date, datepart) -%}
  {% if datepart == 'week' %}
    ({{ datediff(first_date, second_date, 'day') }} // 7 + case
      when date_part('dow', ({{ first_date }})::timestamp) <= date_part('dow', ({{ second_date }})::timestamp) then
        case when {{ first_date }} <= {{ second_date }} then 0 else -1 end
      else
        case when {{ first_date }} <= {{ second_date }} then 1 else 0 end
    end)
  {% else %}
    (date_diff('{{ datepart }}', {{ first_date }}::timestamp, {{ second_date }}::timestamp ))
  {%- endif -%}
{%- endmacro %}

{% macro duckdb__generate_series(upper_bound) %}
  select
    generate_series as generated_number
  from generate_series(1, {{ upper_bound }})
{% endmacro %}

{% macro duckdb__last_day(date, datepart) -%}
  {%- if datepart == 'quarter' -%}
    -- duckdb dateadd does not support quarter interval.
    cast(
      {{ dbt.dateadd('day', '-1', dbt.dateadd('month', '3', dbt.date_trunc(datepart, date))) }}
      as date)
  {%- else -%}
    {{ dbt.default_last_day(date, datepart) }}
  {%- endif -%}
{%- endmacro %}

{% macro duckdb__listagg(measure, delimiter_text, order_by_clause, limit_num) -%}
  {%- if limit_num -%}
  list_aggr(
    (array_agg(
      {{ measure }}
      {{ order_by_clause if order_by_clause }}
    ))[1:{{ limit_num }}],
    'string_agg',
    {{ delimiter_text }}
    )
  {%- else -%}
  string_agg(
    {{ measure }},
    {{ delimiter_text }}
    {{ order_by_clause if order_by_clause }}
    )
  {%- endif -%}
{%- endmacro %}

{% macro duckdb__split_part(string_text, delimiter_text, part_number) %}
  string_split({{ string_text }}, {{ delimiter_text }})[ {{ part_number }} ]
{% endmacro %}

{% macro duckdb__current_timestamp() -%}now(){%- endmacro %}
{% macro duckdb__snapshot_get_time() -%}{{ current_timestamp() }}::timestamp{%- endmacro %}
{% macro duckdb__snapshot_string_as_time(timestamp) -%}{{ return("'" ~ timestamp ~ "'::timestamp") }}{%- endmacro %}

{# ── Queries and statements ──────────────────────────────────────────────── #}

{# A sql_header runs by itself here. #}
{% macro duckdb__get_empty_subquery_sql(select_sql, select_sql_header=none) %}
  {%- if select_sql_header is not none -%}{%- do run_query(select_sql_header) -%}{%- endif -%}
  select * from (
    {{ select_sql }}
  ) as __dbt_sbq
  where false
  limit 0
{% endmacro %}

{% macro duckdb__create_view_as(relation, sql) -%}
  {{ get_assert_columns_equivalent(sql) if config.get('contract').enforced }}
  {{ config.get('sql_header', none) or '' }}
  create view {{ relation }} as (
    {{ sql }}
  );
{% endmacro %}

{% macro create_table_as(temporary, relation, compiled_code, language='sql', partitioned_by=none, sorted_by=none) -%}
  {{ return(adapter.dispatch('create_table_as', 'dbt')(
    temporary, relation, compiled_code, language, partitioned_by=partitioned_by, sorted_by=sorted_by
  )) }}
{%- endmacro %}

{% macro duckdb__alter_table_set_partitioned_by(relation, partitioned_by) -%}
  alter table {{ relation }} set partitioned by ({{ partitioned_by }});
{%- endmacro %}
{% macro duckdb__alter_table_set_sorted_by(relation, sorted_by) -%}
  alter table {{ relation }} set sorted by ({{ sorted_by }});
{%- endmacro %}

{% macro get_column_names() %}
  (
    {% for column in model['columns'].values() %}
      {{ adapter.quote(column['name']) if column.get('quote') else column['name'] }} {{ ',' if not loop.last }}
    {% endfor %}
  )
{% endmacro %}

{% macro duckdb__drop_schema(relation) -%}
  {%- call statement('drop_schema') -%}drop schema if exists {{ relation.without_identifier() }} cascade{%- endcall -%}
{% endmacro %}

{% macro duckdb__list_schemas(database) -%}
  {% set sql %}
    select schema_name
    from system.information_schema.schemata
    {{ "where lower(catalog_name) = '" ~ database | lower ~ "'" if database is not none }}
  {% endset %}
  {{ return(run_query(sql)) }}
{% endmacro %}

{% macro duckdb__check_schema_exists(information_schema, schema) -%}
  {% set sql -%}
    select count(*)
    from system.information_schema.schemata
    where lower(schema_name) = '{{ schema | lower }}'
    and lower(catalog_name) = '{{ information_schema.database | lower }}'
  {%- endset %}
  {{ return(run_query(sql)) }}
{% endmacro %}

{% macro duckdb__get_columns_in_relation(relation) -%}
  {% call statement('get_columns_in_relation', fetch_result=True) %}
    select
      column_name,
      column_type as data_type,
      cast(null as bigint) as character_maximum_length,
      cast(null as bigint) as numeric_precision,
      cast(null as bigint) as numeric_scale
    from (describe {{ relation.render() }})
  {% endcall %}
  {{ return(sql_convert_columns_in_relation(load_result('get_columns_in_relation').table)) }}
{% endmacro %}

{% macro duckdb__drop_relation(relation) -%}
  {% call statement('drop_relation', auto_begin=False) -%}
    drop {{ relation.type }} if exists {{ relation }} {{ 'cascade' if not adapter.is_ducklake(relation) }}
  {%- endcall %}
{% endmacro %}

{% macro duckdb__rename_relation(from_relation, to_relation) -%}
  {% call statement('rename_relation') -%}
    alter {{ to_relation.type }} {{ from_relation }} rename to {{ adapter.quote_as_configured(to_relation.identifier, 'identifier') }}
  {%- endcall %}
{% endmacro %}

{# A temporary table belongs to no schema, and its name ends with the time. #}
{% macro duckdb__make_temp_relation(base_relation, suffix) %}
  {% do return(base_relation.incorporate(
    path={'identifier': base_relation.identifier ~ suffix ~ py_current_timestring(), 'schema': none, 'database': none}
  )) %}
{% endmacro %}

{% macro duckdb__post_snapshot(temporary_relation) %}{% do return(drop_relation(temporary_relation)) %}{% endmacro %}

{% macro duckdb__get_create_index_sql(relation, index_dict) -%}
  {%- set index = adapter.parse_index(index_dict) -%}
  create {{ 'unique' if index.unique }} index
  "{{ index.render(relation) }}"
  on {{ relation }}
  ({{ index.columns | join(', ') }});
{%- endmacro %}

{# One change a statement. #}
{% macro duckdb__alter_relation_add_remove_columns(relation, add_columns, remove_columns) %}
  {% set start = 'alter ' ~ relation.type ~ ' ' ~ relation %}
  {% for column in add_columns or [] %}
    {% do run_query(start ~ ' add column ' ~ api.Relation.create(identifier=column.name) ~ ' ' ~ column.data_type) %}
  {% endfor %}
  {% for column in remove_columns or [] %}
    {% do run_query(start ~ ' drop column ' ~ api.Relation.create(identifier=column.name)) %}
  {% endfor %}
{% endmacro %}

{% macro duckdb__apply_grants(relation, grant_config, should_revoke=True) %}
  {{ adapter.warn_once('Grants for relations are not supported by DuckDB') if grant_config }}
{% endmacro %}

{% macro duckdb__get_incremental_default_sql(arg_dict) %}{% do return(get_incremental_delete_insert_sql(arg_dict)) %}{% endmacro %}

{% macro duckdb__get_incremental_merge_sql(args_dict) %}
  {{ return(duckdb__get_merge_sql(
    args_dict['target_relation'], args_dict['temp_relation'], args_dict['unique_key'], args_dict['dest_columns'],
    normalize_incremental_predicates(args_dict.get('incremental_predicates'))
  )) }}
{% endmacro %}

{% macro duckdb__get_binding_char() %}{{ return(adapter.get_binding_char()) }}{% endmacro %}
{% macro duckdb__get_batch_size() %}{{ return(10000) }}{% endmacro %}

{# DuckDB needs no commit before a hook that stands outside of the transaction. #}
{% macro run_hooks(hooks, inside_transaction=True) %}
  {% for hook in hooks | selectattr('transaction', 'equalto', inside_transaction) %}
    {% set text = render(hook.get('sql')) | trim %}
    {% if text %}
      {% call statement(auto_begin=inside_transaction) %}
        {{ text }}
      {% endcall %}
    {% endif %}
  {% endfor %}
{% endmacro %}

{# ── Files ───────────────────────────────────────────────────────────────── #}

{# A partitioned model is a folder. #}
{%- macro external_location(relation, config) -%}
  {%- set ending = '.' ~ config.get('format', 'parquet') if config.get('options', {}).get('partition_by') is none else '' -%}
  {{ adapter.external_root() }}/{{ relation.identifier }}{{ ending }}
{%- endmacro -%}

{% macro location_exists(location) -%}{% do return(adapter.location_exists(location)) %}{% endmacro %}

{% macro write_to_file(relation, location, options) -%}
  {% call statement('write_to_file') -%}copy {{ relation }} to '{{ location }}' ({{ options }}){%- endcall %}
{% endmacro %}

{% macro store_relation(plugin, relation, location, format, config) -%}
  {% do adapter.store_relation(plugin, relation, adapter.get_columns_in_relation(relation), location, format, config) %}
{% endmacro %}

{# Options as the config has them, each rendered; the format and the delimiter may stand beside them. #}
{% macro render_write_options(config) -%}
  {% set options = config.get('options', {}) %}
  {% if options is not mapping %}
    {% do exceptions.raise_compiler_error('The options argument must be a dictionary') %}
  {% endif %}
  {% for name in options %}
    {% do options.update({name: render(options[name])}) %}
  {% endfor %}
  {% for name in ['format', 'delimiter'] if config.get(name) %}
    {% do options.update({name: render(config.get(name))}) %}
  {% endfor %}
  {% do return(options) %}
{%- endmacro %}

{# ── Comments ────────────────────────────────────────────────────────────── #}

{% macro duckdb_escape_comment(comment) -%}
  {% if comment is not string %}
    {% do exceptions.raise_compiler_error('cannot escape a non-string: ' ~ comment) %}
  {% endif %}
  {%- set fence = '$dbt_comment_literal_block$' -%}
  {%- if fence in comment -%}
    {%- do exceptions.raise_compiler_error('The string ' ~ fence ~ ' is not allowed in comments.') -%}
  {%- endif -%}
  {{ fence ~ comment ~ fence }}
{%- endmacro %}

{% macro duckdb__alter_relation_comment(relation, comment) %}
  comment on {{ relation.type }} {{ relation }} is {{ duckdb_escape_comment(comment) }};
{% endmacro %}

{% macro duckdb__alter_column_comment(relation, column_dict) %}
  {% set known = adapter.get_columns_in_relation(relation) | map(attribute='name') | list %}
  {% for name, column in column_dict.items() if name in known %}
    {% set comment = duckdb_escape_comment(column['description']) %}
    comment on column {{ relation }}.{{ adapter.quote(name) if column['quote'] else name }} is {{ comment }};
  {% endfor %}
{% endmacro %}

{# ── Helpers ─────────────────────────────────────────────────────────────── #}

{% macro flight_name(parsed_model) -%}{{ return(adapter.dispatch('flight_name', 'dbt')(parsed_model)) }}{%- endmacro %}
{% macro default__flight_name(parsed_model) -%}{{ return(duckdb__flight_name(parsed_model)) }}{%- endmacro %}
{% macro duckdb__flight_name(parsed_model) -%}
  {%- set parts = [
    parsed_model.get('package_name'), parsed_model.get('database'), parsed_model.get('schema'),
    parsed_model.get('alias') or parsed_model.get('name')
  ] -%}
  {{ return((['dbt'] + parts | select | list) | join('-')) }}
{%- endmacro %}

{# A text becomes a list of one, none an empty one. #}
{%- macro normalize_string_or_list(raw, field_name) -%}
  {%- if raw is mapping or not (raw is none or raw is string or raw is sequence) -%}
    {{ exceptions.raise_compiler_error(field_name ~ ' must be a list of strings or a string') }}
  {%- endif -%}
  {%- set list = [] if raw is none else [raw] if raw is string else raw | list -%}
  {%- for item in list if item is not string -%}
    {% do exceptions.raise_compiler_error(field_name ~ ' list values must be non-empty strings') %}
  {%- endfor -%}
  {{ return(list) }}
{%- endmacro -%}

{%- macro normalize_incremental_predicates(incremental_predicates) -%}
  {{ return(normalize_string_or_list(incremental_predicates, 'incremental_predicates')) }}
{%- endmacro -%}

{%- macro validate_string_field(field_value, field_name, errors) -%}
  {%- if field_value is not none and field_value is not string -%}
    {%- do errors.append(field_name ~ ' must be a string, found: ' ~ field_value) -%}
  {%- endif -%}
{%- endmacro -%}

{%- macro validate_dict_field(field_value, field_name, errors) -%}
  {%- if field_value is not none and field_value is not mapping -%}
    {%- do errors.append(field_name ~ ' must be a dictionary, found: ' ~ field_value) -%}
  {%- endif -%}
{%- endmacro -%}

{%- macro validate_string_list_field(field_value, field_name, errors) -%}
  {%- if field_value is string or field_value is mapping or (field_value is not none and field_value is not sequence) -%}
    {%- do errors.append(field_name ~ ' must be a list') -%}
  {%- elif field_value is not none -%}
    {%- for item in field_value if item is not string -%}
      {%- do errors.append(field_name ~ ' must contain only string values, found: ' ~ item) -%}
    {%- endfor -%}
  {%- endif -%}
{%- endmacro -%}
