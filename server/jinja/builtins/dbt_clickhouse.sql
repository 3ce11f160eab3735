{# dbt-clickhouse's own macros: what differs from the default. #}

{# ── Names: ClickHouse has schemas only, which it calls databases ────────── #}

{% macro clickhouse__generate_database_name(custom_database_name=none, node=none) -%}{% do return('') %}{%- endmacro %}

{# ── SQL that is spelled differently by each database ────────────────────── #}

{% macro clickhouse__any_value(expression) -%}any({{ expression }}){%- endmacro %}

{% macro clickhouse__array_append(array, new_element) -%}arrayPushBack({{ array }}, {{ new_element }}){% endmacro %}
{% macro clickhouse__array_concat(array_1, array_2) -%}arrayConcat({{ array_1 }}, {{ array_2 }}){% endmacro %}
{% macro clickhouse__array_construct(inputs, data_type) -%}
  {{ '[ ' ~ inputs | join(' , ') ~ ' ]' if inputs else 'emptyArray' ~ data_type ~ '()' }}
{%- endmacro %}

{% macro clickhouse__bool_or(expression) -%}max({{ expression }}) > 0{%- endmacro %}
{% macro clickhouse__cast_bool_to_text(field) %}multiIf({{ field }} > 0, 'true', {{ field }} = 0, 'false', NULL){% endmacro %}

{% macro clickhouse__hash(field) -%}lower(hex(MD5(toString({{ field }} )))){%- endmacro %}

{%- macro clickhouse__last_day(date, datepart) -%}
  {{ dbt.dateadd('day', '-1', dbt.dateadd(datepart, '1', dbt.date_trunc(datepart, date))) }}
{%- endmacro -%}

{# The measures are sorted by one field beside them; without `order by` the clause is left out. #}
{% macro clickhouse__listagg(measure, delimiter_text, order_by_clause, limit_num) -%}
  {%- set words = (order_by_clause or '').split() -%}
  {%- set list = 'array_agg(' ~ measure ~ ')' -%}
  {%- if words[:2] | join(' ') | lower == 'order by' -%}
    {%- if ',' in words -%}
      {{ exceptions.raise_compiler_error('ClickHouse does not support multiple order by fields.') }}
    {%- endif -%}
    {%- set direction = 'Reverse' if 'desc' in words[3:] | join | lower else '' -%}
    {%- set pairs = 'arrayZip(' ~ list ~ ', array_agg(' ~ words[2] ~ '))' -%}
    {%- set list = 'arrayMap(x -> x.1, array' ~ direction ~ 'Sort(x -> x.2, ' ~ pairs ~ '))' -%}
  {%- endif -%}
  {%- set list = 'arraySlice(' ~ list ~ ', 1, ' ~ limit_num ~ ')' if limit_num else list -%}
  arrayStringConcat({{ list }}, {{ delimiter_text }})
{%- endmacro %}

{# The characters are names here: they get their quotes. #}
{% macro clickhouse__replace(field, old_chars, new_chars) %}replaceAll({{ field }},'{{ old_chars }}','{{ new_chars }}'){% endmacro %}

{# The text null becomes the default of its type, for columns are not nullable. #}
{% macro clickhouse__safe_cast(field, dtype) %}
  {%- if field == 'null' -%}
    CAST(defaultValueOfTypeName('{{ dtype | replace("'", "\\'") }}') AS {{ dtype }})
  {%- else -%}
    CAST({{ field }} AS {{ dtype }})
  {%- endif -%}
{% endmacro %}

{% macro clickhouse__split_part(string_text, delimiter_text, part_number) %}
  splitByString({{ delimiter_text }}, {{ string_text }})[{{ part_number }}]
{% endmacro %}

{% macro clickhouse__current_timestamp() -%}now(){%- endmacro %}
{% macro clickhouse__snapshot_string_as_time(timestamp) -%}{{ return("toDateTime('" ~ timestamp ~ "')") }}{%- endmacro %}
{% macro clickhouse__snapshot_hash_arguments(args) -%}
  halfMD5({% for arg in args %}coalesce(cast({{ arg }} as varchar ), '') {{ " || '|' || " if not loop.last }}{% endfor %})
{%- endmacro %}

{# ── Tests and models ────────────────────────────────────────────────────── #}

{# Hides dbt's own: there is a second incremental materialization. #}
{% macro is_incremental() %}
  {% if not execute %}{{ return(False) }}{% endif %}
  {% set built = adapter.get_relation(this.database, this.schema, this.table) %}
  {{ return(
    built is not none and built.type == 'table'
    and model.config.materialized in ['incremental', 'distributed_incremental'] and not should_full_refresh()
  ) }}
{% endmacro %}

{# Without that setting a child without parent is not null but empty. #}
{% macro clickhouse__test_relationships(model, column_name, to, field) %}
  with child as (
    select {{ column_name }} as from_field
    from {{ model }}
    where {{ column_name }} is not null
  ),
  parent as (
    select {{ field }} as to_field
    from {{ to }}
  )
  select
    from_field
  from child
  left join parent
    on child.from_field = parent.to_field
  where parent.to_field is null
  -- end_of_sql
  settings join_use_nulls = 1
{% endmacro %}

{% macro clickhouse__get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) -%}
  select
    {{ fail_calc }} as failures,
    {{ fail_calc }} {{ warn_if }} as should_warn,
    {{ fail_calc }} {{ error_if }} as should_error
  from (
    {{ clickhouse__place_limit(main_sql, limit) if limit != None else main_sql }}
  ) dbt_internal_test
{%- endmacro %}

{# The settings of a query come last, so a limit goes before the mark in front of them. #}
{% macro clickhouse__place_limit(query, limit) -%}
  {% if 'settings' not in query.lower() %}
    {{ query }}
    {{ 'limit ' ~ limit }}
  {% elif '-- end_of_sql' not in query.lower() %}
    {{ exceptions.raise_compiler_error('-- end_of_sql must be set when using ClickHouse settings') }}
  {% else %}
    {% set parts = query.split('-- end_of_sql') %}
    {{ (parts[:-1] | join('-- end_of_sql')) ~ '\n LIMIT ' ~ limit ~ '\n-- end_of_sql' ~ parts[-1] }}
  {% endif %}
{%- endmacro %}

{% macro clickhouse__get_columns_in_query(select_sql) %}
  {% call statement('get_columns_in_query', fetch_result=True, auto_begin=False) -%}
    select * from (
      {{ select_sql }}
    ) as __dbt_sbq
    limit 0
  {% endcall %}
  {{ return(load_result('get_columns_in_query').table.columns | map(attribute='name') | list) }}
{% endmacro %}

{# ── Clauses of a table ──────────────────────────────────────────────────── #}

{% macro engine_clause() %}engine = {{ config.get('engine', default='MergeTree()') }}{%- endmacro -%}

{% macro partition_cols(label) %}
  {%- set columns = config.get('partition_by') -%}
  {%- if columns is not none %}
    {{ label }} ({{ columns if columns is string else columns | join(',') }})
  {%- endif %}
{%- endmacro -%}

{% macro primary_key_clause(label) %}
  {%- set key = config.get('primary_key') -%}
  {%- if key is not none and key | length > 0 %}
    {%- set list = key is iterable and key is not string and key is not mapping %}
    {{ label }} {{ '(' ~ key | join(', ') ~ ')' if list else key }}
  {%- endif %}
{%- endmacro -%}

{% macro order_cols(label) %}
  {%- set columns = config.get('order_by') -%}
  {%- set engine = config.get('engine', default='MergeTree()') -%}
  {%- if 'MergeTree' in engine or engine in ['HDFS', 'MaterializedPostgreSQL', 'S3', 'EmbeddedRocksDB', 'Hive'] %}
    {{ label }} ({{ 'tuple()' if columns is none else columns if columns is string else columns | join(',') }})
  {%- endif %}
{%- endmacro -%}

{% macro ttl_config(label) %}{{ ' ' ~ label ~ ' ' ~ config.get('ttl') if config.get('ttl') }}{%- endmacro -%}

{% macro codec_clause(codec_name) %}{{ ' CODEC(' ~ codec_name ~ ')' if codec_name }}{% endmacro %}

{# It ends with a blank, for it may stand in the middle of a statement. #}
{% macro on_cluster_clause(relation, force_sync) %}
  {% set cluster = adapter.get_clickhouse_cluster_name() %}
  {%- if cluster is not none and relation.should_on_cluster %}
    ON CLUSTER {{ cluster + ' ' }}
    {{- 'SYNC' if force_sync }}
  {%- endif %}
{%- endmacro -%}

{% macro get_sql_security_clause(relation) %}
  {% set security = config.get('sql_security') %}
  {% if security == 'definer' %}
    {% if not config.require('definer') %}
      {{ exceptions.raise_compiler_error('Invalid config parameter `definer`. No value was provided.') }}
    {% endif %}
    DEFINER = {{ config.require('definer') }} SQL SECURITY DEFINER
  {%- elif security == 'invoker' %}
    SQL SECURITY INVOKER
  {%- elif security %}
    {{ exceptions.raise_compiler_error(
      'Invalid config parameter `sql_security`. Got: `' ~ security ~ '`, but only definer | invoker allowed.'
    ) }}
  {%- endif %}
{%- endmacro -%}

{% macro clickhouse_s3source(
  config_name='', bucket='', path='', fmt='', structure='', aws_access_key_id='', aws_secret_access_key='', role_arn='',
  compression='', external_id=''
) %}
  {% if config_name and not config_name.lower().endswith('s3') %}
    {{ exceptions.raise_compiler_error("S3 configuration should end with 's3'") }}
  {% endif %}
  {{ adapter.s3source_clause(
    config_name=config_name, s3_model_config=config.get(config_name, {}), bucket=bucket, path=path, fmt=fmt, structure=structure,
    aws_access_key_id=aws_access_key_id, aws_secret_access_key=aws_secret_access_key, role_arn=role_arn,
    compression=compression, external_id=external_id
  ) }}
{% endmacro %}

{# ── Statements ──────────────────────────────────────────────────────────── #}

{% macro clickhouse__create_schema(relation) -%}
  {%- call statement('create_schema') -%}
    create database if not exists {{ relation.without_identifier().include(database=False) }}
      {{ on_cluster_clause(relation) }}
      {{ adapter.clickhouse_db_engine_clause() }}
  {% endcall %}
{% endmacro %}
{% macro clickhouse__drop_schema(relation) -%}
  {%- call statement('drop_schema') -%}
    drop database if exists {{ relation.without_identifier().include(database=False) }} {{ on_cluster_clause(relation) }}
  {%- endcall -%}
{% endmacro %}
{% macro clickhouse__list_schemas(database) %}
  {% call statement('list_schemas', fetch_result=True, auto_begin=False) %}
    select name from system.databases
  {% endcall %}
  {{ return(load_result('list_schemas').table) }}
{% endmacro %}
{% macro clickhouse__get_database(database) %}
  {% call statement('get_database', fetch_result=True) %}
    select name, engine, comment
    from system.databases
    where name = '{{ database }}'
  {% endcall %}
  {% do return(load_result('get_database').table) %}
{% endmacro %}

{% macro clickhouse__get_columns_in_relation(relation) -%}
  {% call statement('get_columns', fetch_result=True) %}
    select name, type from system.columns where table = '{{ relation.identifier }}'
    {% if not relation.schema %}
      {% do exceptions.warn('Relations should always come with a defined schema. Missing schema for ' ~ relation.identifier) %}
    {% elif not relation.is_temporary %}
      and database = '{{ relation.schema }}'
    {% endif %}
    order by position
  {% endcall %}
  {{ return(sql_convert_columns_in_relation(load_result('get_columns').table)) }}
{% endmacro %}

{% macro clickhouse__get_or_create_relation(database, schema, identifier, type) %}
  {% set found = adapter.get_relation(database=database, schema=schema, identifier=identifier) %}
  {% if found %}{% do return([true, found]) %}{% endif %}
  {% do return([false, api.Relation.create(
    database=None, schema=schema, identifier=identifier, type=type, can_exchange=adapter.can_exchange(schema, type),
    can_on_cluster=adapter.should_on_cluster(config.get('materialized'), engine_clause())
  )]) %}
{% endmacro %}
{% macro clickhouse__make_temp_relation(base_relation, suffix) %}
  {% do return(base_relation.incorporate(
    path={'identifier': base_relation.identifier ~ suffix, 'schema': base_relation.schema}
  )) %}
{% endmacro %}
{% macro clickhouse__drop_relation(relation, obj_type='table') -%}
  {% call statement('drop_relation', auto_begin=False) -%}
    drop {{ obj_type }} if exists {{ relation }} {{ on_cluster_clause(relation, True) }}
  {%- endcall %}
{% endmacro %}
{% macro clickhouse__rename_relation(from_relation, to_relation, obj_type='table') -%}
  {% call statement('drop_relation') %}
    drop {{ obj_type }} if exists {{ to_relation }} {{ on_cluster_clause(to_relation) }}
  {% endcall %}
  {% call statement('rename_relation') %}
    rename {{ obj_type }} {{ from_relation }} to {{ to_relation }} {{ on_cluster_clause(from_relation) }}
  {% endcall %}
{% endmacro %}
{% macro clickhouse__truncate_relation(relation) -%}
  {% call statement('truncate_relation') -%}truncate table {{ relation }} {{ on_cluster_clause(relation) }}{%- endcall %}
{% endmacro %}
{% macro clickhouse__alter_column_type(relation, column_name, new_column_type) -%}
  {% set column = adapter.quote(column_name) %}
  {% call statement('alter_column_type') %}
    alter table {{ relation }} {{ on_cluster_clause(relation) }} modify column {{ column }} {{ new_column_type }}
  {% endcall %}
{% endmacro %}
{% macro exchange_tables_atomic(old_relation, target_relation, obj_types='TABLES') %}
  {%- if adapter.get_clickhouse_cluster_name() is not none and obj_types == 'TABLES' and 'Replicated' in engine_clause() %}
    {%- call statement('exchange_table_sync_replica') -%}
      SYSTEM SYNC REPLICA {{ on_cluster_clause(target_relation) }} {{ target_relation.schema }}.{{ target_relation.identifier }}
    {% endcall %}
  {%- endif %}
  {%- call statement('exchange_tables_atomic') -%}
    EXCHANGE {{ obj_types }} {{ old_relation }} AND {{ target_relation }} {{ on_cluster_clause(target_relation) }}
  {% endcall %}
{% endmacro %}

{% macro clickhouse__create_view_as(relation, sql) -%}
  {{ config.get('sql_header', none) or '' }}
  create or replace view {{ relation.include(database=False) }} {{ on_cluster_clause(relation) }}
    {{ get_sql_security_clause(relation) }}
    {{ get_assert_columns_equivalent(sql) if config.get('contract').enforced }}
  as (
    {{ sql }}
    {{ adapter.get_model_query_settings(model) }}
  )
  {% if model.get('config').get('materialized') == 'view' %}
    {{ adapter.get_model_settings(model, config.get('engine', default='MergeTree')) }}
  {%- endif %}
{%- endmacro %}

{# Only the tables of the MergeTree family can be cloned, and none that is distributed. #}
{% macro clickhouse__can_clone_table() %}
  {{ return(
    not config.get('materialized', '').startswith('distributed_') and 'MergeTree' in config.get('engine', default='MergeTree()')
  ) }}
{% endmacro %}
{% macro clickhouse__create_or_replace_clone(this_relation, defer_relation) %}
  CREATE OR REPLACE TABLE {{ this_relation }} {{ on_cluster_clause(this_relation) }} CLONE AS {{ defer_relation }}
{% endmacro %}

{% macro clickhouse__post_snapshot(staging_relation) %}{{ drop_relation_if_exists(staging_relation) }}{% endmacro %}
{# Hides dbt's own: there are no temporary tables here. #}
{% macro build_snapshot_staging_table(strategy, sql, target_relation) %}
  {% set staging = make_temp_relation(target_relation) %}
  {{ drop_relation_if_exists(staging) }}
  {% set select = snapshot_staging_table(strategy, sql, target_relation) %}
  {% call statement('build_snapshot_staging_relation') %}{{ create_table_as(False, staging, select) }}{% endcall %}
  {% do return(staging) %}
{% endmacro %}

{# ── Grants and comments ─────────────────────────────────────────────────── #}

{% macro clickhouse__get_show_grant_sql(relation) %}
  SELECT toString(access_type) as privilege_type, COALESCE(user_name, role_name) as grantee from system.grants
  where table = '{{ relation.name }}'
  AND database = '{{ relation.schema }}'
{%- endmacro %}
{%- macro clickhouse__get_grant_sql(relation, privilege, grantees) -%}
  grant {{ on_cluster_clause(relation) }} {{ privilege }} on {{ relation }} to {{ grantees | join(', ') }}
{%- endmacro -%}
{%- macro clickhouse__get_revoke_sql(relation, privilege, grantees) -%}
  revoke {{ on_cluster_clause(relation) }} {{ privilege }} on {{ relation }} from {{ grantees | join(', ') }}
{%- endmacro -%}
{% macro clickhouse__call_dcl_statements(dcl_statement_list) %}
  {% for dcl in dcl_statement_list %}
    {% call statement('dcl') %}{{ dcl }};{% endcall %}
  {% endfor %}
{% endmacro %}

{% macro one_alter_relation(relation, alter_comments) %}
  alter table {{ relation }} {{ on_cluster_clause(relation) }} {{ alter_comments }}
{% endmacro %}
{% macro one_alter_column_comment(relation, column_name, comment) %}
  alter table {{ relation }} {{ on_cluster_clause(relation) }} comment column `{{ column_name }}` '{{ comment }}'
{% endmacro %}
{% macro clickhouse__alter_relation_comment(relation, comment) %}
  alter table {{ relation }} {{ on_cluster_clause(relation) }} modify comment '{{ comment }}'
{% endmacro %}
{% macro clickhouse_escape_comment(comment) -%}
  {% if comment is not string %}
    {% do exceptions.raise_compiler_error('cannot escape a non-string: ' ~ comment) %}
  {% endif %}
  {%- set fence = '$dbt_comment_literal_block$' -%}
  {%- if fence in comment -%}
    {%- do exceptions.raise_compiler_error('The string ' ~ fence ~ ' is not allowed in comments.') -%}
  {%- endif -%}
  {{ fence ~ comment ~ fence }}
{%- endmacro %}
