{# dbt-postgres's own macros, which dbt-redshift uses, too: what differs from the default. #}

{# ── SQL that is spelled differently by each database ────────────────────── #}

{% macro postgres__any_value(expression) -%}min({{ expression }}){%- endmacro %}

{% macro postgres__dateadd(datepart, interval, from_date_or_timestamp) %}
  {{ from_date_or_timestamp }} + ((interval '1 {{ datepart }}') * ({{ interval }}))
{% endmacro %}

{# Each part is the bigger one's difference in its own units, and then the parts of both dates. #}
{% macro postgres__datediff(first_date, second_date, datepart) -%}
  {%- set day1, day2 = ('(' ~ first_date ~ ')::date', '(' ~ second_date ~ ')::date') -%}
  {%- set time1, time2 = ('(' ~ first_date ~ ')::timestamp', '(' ~ second_date ~ ')::timestamp') -%}
  {%- set date_parts = ["date_part('" ~ datepart ~ "', " ~ day1 ~ ')', "date_part('" ~ datepart ~ "', " ~ day2 ~ ')'] -%}
  {%- set time_parts = ["date_part('" ~ datepart ~ "', " ~ time1 ~ ')', "date_part('" ~ datepart ~ "', " ~ time2 ~ ')'] -%}
  {%- set bigger = {
    'quarter': ['year', 4], 'month': ['year', 12], 'hour': ['day', 24], 'minute': ['hour', 60],
    'second': ['minute', 60], 'millisecond': ['minute', 60000], 'microsecond': ['minute', 60000000]
  } -%}
  {%- set whole = datediff(first_date, second_date, bigger[datepart][0]) ~ ' * ' ~ bigger[datepart][1] if datepart in bigger -%}
  {% if datepart == 'year' %}
    ({{ date_parts[1] }} - {{ date_parts[0] }})
  {% elif datepart in ['quarter', 'month'] %}
    ({{ whole }} + {{ date_parts[1] }} - {{ date_parts[0] }})
  {% elif datepart == 'day' %}
    ({{ day2 }} - {{ day1 }})
  {% elif datepart == 'week' %}
    ({{ datediff(first_date, second_date, 'day') }} / 7 + case
      when date_part('dow', {{ time1 }}) <= date_part('dow', {{ time2 }}) then
        case when {{ first_date }} <= {{ second_date }} then 0 else -1 end
      else
        case when {{ first_date }} <= {{ second_date }} then 1 else 0 end
    end)
  {% elif datepart in ['hour', 'minute'] %}
    ({{ whole }} + {{ time_parts[1] }} - {{ time_parts[0] }})
  {% elif datepart in bigger %}
    ({{ whole }} + floor({{ time_parts[1] }}) - floor({{ time_parts[0] }}))
  {% else %}
    {{ exceptions.raise_compiler_error('Unsupported datepart for macro datediff in postgres: {!r}'.format(datepart)) }}
  {% endif %}
{%- endmacro %}

{% macro postgres__equals(expr1, expr2) -%}
  {%- set operator = 'IS NOT DISTINCT FROM' if adapter.behavior.enable_truthy_nulls_equals_macro.no_warn else '=' -%}
  ({{ expr1 }} {{ operator }} {{ expr2 }})
{%- endmacro %}

{% macro postgres__last_day(date, datepart) -%}
  {%- if datepart == 'quarter' -%}
    -- postgres dateadd does not support quarter interval.
    cast(
      {{ dbt.dateadd('day', '-1', dbt.dateadd('month', '3', dbt.date_trunc(datepart, date))) }}
      as date)
  {%- else -%}
    {{ dbt.default_last_day(date, datepart) }}
  {%- endif -%}
{%- endmacro %}

{% macro postgres__listagg(measure, delimiter_text, order_by_clause, limit_num) -%}
  {%- if limit_num -%}
  array_to_string(
    (array_agg(
      {{ measure }}
      {{ order_by_clause if order_by_clause }}
    ))[1:{{ limit_num }}],
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

{% macro postgres__split_part(string_text, delimiter_text, part_number) %}
  {{ dbt.default__split_part(string_text, delimiter_text, part_number) if part_number >= 0
    else dbt._split_part_negative(string_text, delimiter_text, part_number) }}
{% endmacro %}

{% macro postgres__current_timestamp() -%}now(){%- endmacro %}
{% macro postgres__current_timestamp_backcompat() %}current_timestamp::{{ type_timestamp() }}{% endmacro %}
{% macro postgres__current_timestamp_in_utc_backcompat() %}
  (current_timestamp at time zone 'utc')::{{ type_timestamp() }}
{% endmacro %}
{% macro postgres__snapshot_get_time() -%}{{ current_timestamp() }}::timestamp without time zone{%- endmacro %}
{% macro postgres__snapshot_string_as_time(timestamp) -%}
  {{ return("'" ~ timestamp ~ "'::timestamp without time zone") }}
{%- endmacro %}

{# ── Relations: names have a limit, and a long one is cut before the suffix ─ #}

{% macro postgres__make_relation_with_suffix(base_relation, suffix, dstring) %}
  {% set tail = suffix ~ modules.datetime.datetime.now().strftime('%H%M%S%f') if dstring else suffix %}
  {% set limit = base_relation.relation_max_name_length() %}
  {% if tail | length > limit %}
    {% do exceptions.raise_compiler_error(
      'Relation suffix is too long (' ~ tail | length ~ ' characters). Maximum length is ' ~ limit ~ ' characters.'
    ) %}
  {% endif %}
  {{ return(base_relation.incorporate(path={'identifier': base_relation.identifier[:limit - tail | length] ~ tail})) }}
{% endmacro %}

{% macro postgres__make_intermediate_relation(base_relation, suffix) %}
  {{ return(postgres__make_relation_with_suffix(base_relation, suffix, dstring=False)) }}
{% endmacro %}

{% macro postgres__make_temp_relation(base_relation, suffix) %}
  {% set named = postgres__make_relation_with_suffix(base_relation, suffix, dstring=True) %}
  {{ return(named.incorporate(path={'schema': none, 'database': none})) }}
{% endmacro %}

{% macro postgres__make_backup_relation(base_relation, backup_relation_type, suffix) %}
  {% set named = postgres__make_relation_with_suffix(base_relation, suffix, dstring=False) %}
  {{ return(named.incorporate(type=backup_relation_type)) }}
{% endmacro %}

{# ── Statements ──────────────────────────────────────────────────────────── #}

{% macro postgres__create_schema(relation) -%}
  {{ adapter.verify_database(relation.database) if relation.database }}
  {%- call statement('create_schema') -%}
    create schema if not exists {{ relation.without_identifier().include(database=False) }}
  {%- endcall -%}
{% endmacro %}

{% macro postgres__drop_schema(relation) -%}
  {{ adapter.verify_database(relation.database) if relation.database }}
  {%- call statement('drop_schema') -%}
    drop schema if exists {{ relation.without_identifier().include(database=False) }} cascade
  {%- endcall -%}
{% endmacro %}

{% macro postgres__information_schema_name(database) -%}information_schema{%- endmacro %}

{% macro postgres__list_schemas(database) %}
  {{ adapter.verify_database(database) if database }}
  {% call statement('list_schemas', fetch_result=True, auto_begin=False) %}
    select distinct nspname from pg_namespace
  {% endcall %}
  {{ return(load_result('list_schemas').table) }}
{% endmacro %}

{% macro postgres__check_schema_exists(information_schema, schema) -%}
  {{ adapter.verify_database(information_schema.database) if information_schema.database }}
  {% call statement('check_schema_exists', fetch_result=True, auto_begin=False) %}
    select count(*) from pg_namespace where nspname = '{{ schema }}'
  {% endcall %}
  {{ return(load_result('check_schema_exists').table) }}
{% endmacro %}

{% macro postgres__get_create_index_sql(relation, index_dict) -%}
  {%- set index = adapter.parse_index(index_dict) -%}
  create {{ 'unique' if index.unique }} index if not exists
  "{{ index.render(relation) }}"
  on {{ relation }} {{ 'using ' ~ index.type if index.type }}
  ({{ index.columns | join(', ') }})
{%- endmacro %}
{%- macro postgres__get_drop_index_sql(relation, index_name) -%}
  drop index if exists "{{ relation.schema }}"."{{ index_name }}"
{%- endmacro -%}

{% macro postgres__drop_table(relation) -%}drop table if exists {{ relation }} cascade{%- endmacro %}
{% macro postgres__drop_view(relation) -%}drop view if exists {{ relation }} cascade{%- endmacro %}
{% macro postgres__drop_materialized_view(relation) -%}drop materialized view if exists {{ relation }} cascade{%- endmacro %}
{% macro postgres__get_rename_table_sql(relation, new_name) %}alter table {{ relation }} rename to {{ new_name }}{% endmacro %}
{% macro postgres__get_rename_view_sql(relation, new_name) %}alter view {{ relation }} rename to {{ new_name }}{% endmacro %}
{% macro postgres__get_rename_materialized_view_sql(relation, new_name) %}
  alter materialized view {{ relation }} rename to {{ new_name }}
{% endmacro %}
{% macro postgres__refresh_materialized_view(relation) %}refresh materialized view {{ relation }}{% endmacro %}

{% macro postgres__get_create_materialized_view_as_sql(relation, sql) %}
  create materialized view if not exists {{ relation }} as {{ sql }};
  {% for index in config.get('indexes', []) -%}
    {{- get_create_index_sql(relation, index) -}}{{ ';' if not loop.last }}
  {%- endfor -%}
{% endmacro %}

{% macro postgres__get_replace_table_sql(relation, sql) -%}
  {{ config.get('sql_header', none) or '' }}
  create or replace table {{ relation }}
  {% if config.get('contract').enforced %}
    {{ get_assert_columns_equivalent(sql) }}
    {{ get_table_columns_and_constraints() }}
    {%- set sql = get_select_subquery(sql) %}
  {% endif %}
  as (
    {{ sql }}
  );
{%- endmacro %}

{% macro postgres__get_replace_view_sql(relation, sql) -%}
  {{ config.get('sql_header', none) or '' }}
  create or replace view {{ relation }}
    {{ get_assert_columns_equivalent(sql) if config.get('contract').enforced }}
  as (
    {{ sql }}
  );
{%- endmacro %}

{% macro postgres__get_incremental_default_sql(arg_dict) %}
  {% do return(get_incremental_delete_insert_sql(arg_dict) if arg_dict['unique_key'] else get_incremental_append_sql(arg_dict)) %}
{% endmacro %}

{% macro postgres__get_incremental_microbatch_sql(arg_dict) %}
  {% if not arg_dict['unique_key'] %}
    {{ exceptions.raise_compiler_error("dbt-postgres 'microbatch' requires a `unique_key` config") }}
  {% endif %}
  {% do return(adapter.dispatch('get_incremental_merge_sql', 'dbt')(arg_dict)) %}
{% endmacro %}

{# ── Grants and comments ─────────────────────────────────────────────────── #}

{% macro postgres__copy_grants() %}{{ return(False) }}{% endmacro %}

{%- macro postgres__get_show_grant_sql(relation) -%}
  select grantee, privilege_type
  from {{ relation.information_schema('role_table_grants') }}
    where grantor = current_role
      and grantee != current_role
      and table_schema = '{{ relation.schema }}'
      and table_name = '{{ relation.identifier }}'
{%- endmacro -%}

{% macro postgres_escape_comment(comment) -%}
  {% if comment is not string %}
    {% do exceptions.raise_compiler_error('cannot escape a non-string: ' ~ comment) %}
  {% endif %}
  {%- set fence = '$dbt_comment_literal_block$' -%}
  {%- if fence in comment -%}
    {%- do exceptions.raise_compiler_error('The string ' ~ fence ~ ' is not allowed in comments.') -%}
  {%- endif -%}
  {{ fence ~ comment ~ fence }}
{%- endmacro %}

{% macro postgres__alter_relation_comment(relation, comment) %}
  {% set type = 'materialized view' if relation.type == 'materialized_view' else relation.type %}
  comment on {{ type }} {{ relation }} is {{ postgres_escape_comment(comment) }};
{% endmacro %}

{% macro postgres__alter_column_comment(relation, column_dict) %}
  {% set known = adapter.get_columns_in_relation(relation) | map(attribute='name') | list %}
  {% for name, column in column_dict.items() if name in known %}
    {% set comment = postgres_escape_comment(column['description']) %}
    comment on column {{ relation }}.{{ adapter.quote(name) if column['quote'] else name }} is {{ comment }};
  {% endfor %}
{% endmacro %}

{# ── Functions and dependencies ──────────────────────────────────────────── #}

{% macro postgres__formatted_scalar_function_args_sql() %}
  {% for argument in model.arguments %}
    {%- set default = argument.get('default_value', none) -%}
    {{ argument.name }} {{ argument.data_type }}{{ ' DEFAULT ' ~ default if default != none }}{{ ', ' if not loop.last }}
  {%- endfor %}
{% endmacro %}

{% macro postgres_get_relations() %}{{ return(postgres__get_relations()) }}{% endmacro %}
