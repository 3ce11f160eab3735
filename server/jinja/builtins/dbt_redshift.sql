{# dbt-redshift's own macros: what differs from dbt-postgres and the default. #}

{# ── SQL that is spelled differently by each database ────────────────────── #}

{% macro redshift__array_append(array, new_element) -%}{{ array_concat(array, array_construct([new_element])) }}{%- endmacro %}
{% macro redshift__array_concat(array_1, array_2) -%}array_concat({{ array_1 }}, {{ array_2 }}){%- endmacro %}
{% macro redshift__array_construct(inputs, data_type) -%}array( {{ inputs | join(' , ') }} ){%- endmacro %}

{% macro redshift__cast_bool_to_text(field) %}
  case
    when {{ field }} is true then 'true'
    when {{ field }} is false then 'false'
  end::text
{% endmacro %}

{% macro redshift__dateadd(datepart, interval, from_date_or_timestamp) %}
  dateadd(
    {{ datepart }},
    {{ interval }},
    {{ from_date_or_timestamp }}
    )
{% endmacro %}

{% macro redshift__datediff(first_date, second_date, datepart) -%}
  datediff(
    {{ datepart }},
    {{ first_date }},
    {{ second_date }}
    )
{%- endmacro %}

{% macro redshift__last_day(date, datepart) %}
  cast(
    {{ dbt.dateadd('day', '-1', dbt.dateadd(datepart, '1', dbt.date_trunc(datepart, date))) }}
    as date)
{% endmacro %}

{% macro redshift__length(expression) %}
  len(
    {{ expression }}
  )
{%- endmacro -%}

{# The first items are cut from the whole list by a pattern of the delimiter, whose special signs are escaped. #}
{% macro redshift__listagg(measure, delimiter_text, order_by_clause, limit_num) -%}
  {%- set ordering = 'within group (' ~ order_by_clause ~ ')' if order_by_clause else '' -%}
  {%- if limit_num -%}
  {%- set found = namespace(delimiter=delimiter_text | trim("'")) -%}
  {%- for sign in '\\^$.|?*+()[]{}' -%}
    {%- set found.delimiter = found.delimiter | replace(sign, '\\\\' ~ sign) -%}
  {%- endfor -%}
  {%- set item = '[^' ~ found.delimiter ~ ']+' -%}
  regexp_substr(
    listagg(
      {{ measure }},
      {{ delimiter_text }}
      )
      {{ ordering }}
    ,'({{ item }}{{ found.delimiter }}){1,{{ limit_num - 1 }}}{{ item }}'
    )
  {%- else -%}
  listagg(
    {{ measure }},
    {{ delimiter_text }}
    )
    {{ ordering }}
  {%- endif -%}
{%- endmacro %}

{% macro redshift__split_part(string_text, delimiter_text, part_number) %}
  {{ dbt.default__split_part(string_text, delimiter_text, part_number) if part_number >= 0
    else dbt._split_part_negative(string_text, delimiter_text, part_number) }}
{% endmacro %}

{% macro redshift__current_timestamp() -%}getdate(){%- endmacro %}
{% macro redshift__current_timestamp_backcompat() -%}getdate(){%- endmacro %}
{% macro redshift__current_timestamp_in_utc_backcompat() -%}getdate(){%- endmacro %}
{% macro redshift__snapshot_get_time() -%}{{ current_timestamp() }}::timestamp{%- endmacro %}
{% macro redshift__snapshot_string_as_time(timestamp) -%}{{ return("'" ~ timestamp ~ "'::timestamp") }}{%- endmacro %}

{# A null in the first row would leave a column without a type. #}
{%- macro redshift__validate_fixture_rows(rows, row_number) -%}
  {%- for value in (rows[0] if rows else {}).values() if value is none -%}
    {%- set fixture = 'expected output' if model.resource_type == 'unit_test' else "'" ~ model.name ~ "'" -%}
    {{ exceptions.raise_compiler_error(
      'Unit test fixture ' ~ fixture ~ ' in ' ~ model.name ~ ' does not have any row free of null values,'
      ~ ' which may cause type mismatch errors during unit test execution.'
    ) }}
  {%- endfor -%}
{%- endmacro -%}

{# ── Clauses and statements ──────────────────────────────────────────────── #}

{% macro dist(dist) %}
  {%- if dist is not none and dist is not string -%}
    {% do exceptions.raise_compiler_error(
      "The 'dist' config must be a single value (e.g. dist: primary_key), not a list or other type. "
      ~ 'Redshift distribution key accepts only one column or one of: all, even, auto.'
    ) %}
  {%- elif dist is not none -%}
    {%- set style = dist.strip().lower() -%}
    {%- if style in ['all', 'even'] -%}
      diststyle {{ style }}
    {%- elif style != 'auto' -%}
      diststyle key distkey ({{ style }})
    {%- endif -%}
  {%- endif -%}
{%- endmacro -%}

{% macro sort(sort_type, sort) %}
  {%- if sort is not none %}
    {{ sort_type or 'compound' }} sortkey({{ sort if sort is string else sort | join(',') }})
  {%- endif %}
{%- endmacro -%}

{% macro redshift__use_show_apis() %}{{ return(adapter.use_show_apis()) }}{% endmacro %}
{% macro redshift__use_grants_extended() %}{{ return(adapter.use_grants_extended()) }}{% endmacro %}
{% macro redshift__drop_without_cascade() %}{{ return(adapter.drop_without_cascade()) }}{% endmacro %}

{% macro redshift__create_view_as(relation, sql) -%}
  {{ config.get('sql_header', none) or '' }}
  create view {{ relation }}
  {%- if config.get('contract').enforced -%}
    {{ get_assert_columns_equivalent(sql) }}
  {%- endif %} as (
    {{ sql }}
  ) {{ '' if config.get('bind', default=True) else 'with no schema binding' }};
{% endmacro %}

{% macro redshift__get_replace_view_sql(relation, sql) -%}
  {{ config.get('sql_header', none) or '' }}
  create or replace view {{ relation }}
  {%- if config.get('contract').enforced -%}
    {{ get_assert_columns_equivalent(sql) }}
  {%- endif %} as (
    {{ sql }}
  ) {{ '' if config.get('bind', default=True) else 'with no schema binding' }}
{%- endmacro %}

{%- macro redshift__drop_table(relation) -%}
  drop table if exists {{ relation }}{{ ' cascade' if not redshift__drop_without_cascade() }}
{%- endmacro -%}
{%- macro redshift__drop_view(relation) -%}
  drop view if exists {{ relation }}{{ ' cascade' if not redshift__drop_without_cascade() }}
{%- endmacro -%}
{% macro redshift__drop_materialized_view(relation) -%}
  drop materialized view if exists {{ relation }}{{ ' cascade' if not redshift__drop_without_cascade() }}
{%- endmacro %}
{% macro redshift__refresh_materialized_view(relation) -%}refresh materialized view {{ relation }}{% endmacro %}
{% macro redshift__get_rename_table_sql(relation, new_name) %}alter table {{ relation }} rename to {{ new_name }}{% endmacro %}
{% macro redshift__get_rename_view_sql(relation, new_name) %}alter table {{ relation }} rename to {{ new_name }}{% endmacro %}

{% macro redshift__create_schema(relation) -%}
  {% if redshift__use_show_apis() %}
    {%- call statement('create_schema') -%}create schema if not exists {{ relation.without_identifier() }}{%- endcall -%}
  {% else %}
    {{ postgres__create_schema(relation) }}
  {% endif %}
{% endmacro %}
{% macro redshift__drop_schema(relation) -%}
  {% if redshift__use_show_apis() %}
    {%- call statement('drop_schema') -%}drop schema if exists {{ relation.without_identifier() }} cascade{%- endcall -%}
  {% else %}
    {{ postgres__drop_schema(relation) }}
  {% endif %}
{% endmacro %}
{% macro redshift__information_schema_name(database) -%}{{ return(postgres__information_schema_name(database)) }}{%- endmacro %}
{% macro redshift__get_columns_in_relation(relation) -%}
  {{ return(
    redshift__get_columns_in_relation_show(relation) if redshift__use_show_apis() and relation.database and relation.schema
    else redshift__get_columns_in_relation_legacy(relation)
  ) }}
{% endmacro %}

{# A text can only grow in place. #}
{% macro redshift__alter_column_type(relation, column_name, new_column_type) -%}
  {% set type = new_column_type | lower | trim %}
  {% set sized = type.startswith('varchar') or type.startswith('character varying') or type.startswith('varbyte') %}
  {% if sized and adapter.behavior.redshift_skip_autocommit_transaction_statements.no_warn %}
    {% call statement('alter_column_type') %}
      alter table {{ relation.render() }} alter column {{ adapter.quote(column_name) }} type {{ new_column_type }}
    {% endcall %}
  {% else %}
    {{ default__alter_column_type(relation, column_name, new_column_type) }}
  {% endif %}
{% endmacro %}

{% macro redshift__snapshot_merge_sql(target, source, insert_cols) -%}
  {{ postgres__snapshot_merge_sql(target, source, insert_cols) }}
{% endmacro %}

{% macro redshift__get_batch_size() %}{{ return(500) }}{% endmacro %}

{# ── Grants and comments ─────────────────────────────────────────────────── #}

{% macro redshift__normalize_grants_dict(grants_dict) %}
  {%- set grants = {} -%}
  {%- for privilege, grantees in grants_dict.items() -%}
    {%- set names = [] -%}
    {%- for name in grantees -%}
      {%- do names.append(name if name.split(':')[0] in ['group', 'role', 'user'] and ':' in name else 'user:' ~ name) -%}
    {%- endfor -%}
    {%- do grants.update({privilege: names}) -%}
  {%- endfor -%}
  {{ return(grants) }}
{% endmacro %}

{% macro redshift__format_grantees(grantees) %}
  {%- set names = [] -%}
  {%- for name in grantees -%}
    {%- if name.startswith('group:') -%}{%- do names.append('GROUP ' ~ name[6:]) -%}
    {%- elif name.startswith('role:') -%}{%- do names.append('ROLE ' ~ name[5:]) -%}
    {%- else -%}{%- do names.append(name[5:] if name.startswith('user:') else name) -%}
    {%- endif -%}
  {%- endfor -%}
  {{ return(names) }}
{% endmacro %}

{% macro redshift__get_grant_sql(relation, privilege, grantees) %}
  {% if redshift__use_grants_extended() %}
    grant {{ privilege }} on {{ relation.render() }} to {{ redshift__format_grantees(grantees) | join(', ') }}
  {% else %}
    {{ default__get_grant_sql(relation, privilege, grantees) }}
  {% endif %}
{% endmacro %}

{% macro redshift__get_revoke_sql(relation, privilege, grantees) %}
  {% if redshift__use_grants_extended() %}
    revoke {{ privilege }} on {{ relation.render() }} from {{ redshift__format_grantees(grantees) | join(', ') }}
  {% else %}
    {{ default__get_revoke_sql(relation, privilege, grantees) }}
  {% endif %}
{% endmacro %}

{% macro redshift__apply_grants(relation, grant_config, should_revoke=True) %}
  {% if grant_config %}
    {% set wanted = redshift__normalize_grants_dict(grant_config) if redshift__use_grants_extended() else grant_config %}
    {{ default__apply_grants(relation, wanted, should_revoke) }}
  {% endif %}
{% endmacro %}

{% macro escape_comment(comment) -%}
  {% if comment is not string %}
    {% do exceptions.raise_compiler_error('cannot escape a non-string: ' ~ comment) %}
  {% endif %}
  {%- set fence = '$dbt_comment_literal_block$' -%}
  {%- if fence in comment -%}
    {%- do exceptions.raise_compiler_error('The string ' ~ fence ~ ' is not allowed in comments.') -%}
  {%- endif -%}
  {{ fence ~ comment ~ fence }}
{%- endmacro %}

{% macro redshift__alter_relation_comment(relation, comment) %}
  {%- set type = 'view' if relation.type == 'materialized_view' else relation.type -%}
  comment on {{ type }} {{ relation }} is {{ escape_comment(comment) }};
{% endmacro %}
{% macro redshift__alter_column_comment(relation, column_dict) %}
  {% do return(postgres__alter_column_comment(relation, column_dict)) %}
{% endmacro %}

{# The columns of a view without binding take no comments. #}
{% macro redshift__persist_docs(relation, model, for_relation, for_columns) -%}
  {% if for_relation and config.persist_relation_docs() and model.description %}
    {% do run_query(alter_relation_comment(relation, model.description)) %}
  {% endif %}
  {% set unbound = relation.type == 'view' and config.get('bind') == false %}
  {% if for_columns and config.persist_column_docs() and model.columns and not unbound %}
    {% set present = adapter.get_columns_in_relation(relation) | map(attribute='name') | list %}
    {% set comments = alter_column_comment(relation, validate_doc_columns(relation, model.columns, present)) %}
    {% if comments and comments | trim %}{% do run_query(comments) %}{% endif %}
  {% endif %}
{% endmacro %}

{# ── Functions ───────────────────────────────────────────────────────────── #}

{% macro redshift__formatted_scalar_function_args_sql() %}
  {{ model.arguments | map(attribute='data_type') | join(', ') }}
{% endmacro %}

{% macro redshift__scalar_function_create_replace_signature_sql(target_relation) %}
  CREATE OR REPLACE FUNCTION {{ target_relation.render() }} ({{ formatted_scalar_function_args_sql() }})
  RETURNS {{ model.returns.data_type }}
  {{ scalar_function_volatility_sql() }}
  AS
{% endmacro %}

{# Redshift wants a word, so there is one without a config, too. #}
{% macro redshift__scalar_function_volatility_sql() %}
  {% set volatility = model.config.get('volatility') %}
  {% if volatility not in [none, 'deterministic', 'stable', 'non-deterministic'] %}
    {% do unsupported_volatility_warning(volatility) %}
  {% endif %}
  {{ {'deterministic': 'IMMUTABLE', 'stable': 'STABLE'}.get(volatility, 'VOLATILE') }}
{% endmacro %}
