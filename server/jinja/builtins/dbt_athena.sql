{# dbt-athena's own macros: what differs from the default. #}

{# ── SQL that is spelled differently by each database ────────────────────── #}

{% macro athena__any_value(expression) -%}arbitrary({{ expression }}){%- endmacro %}

{% macro athena__array_append(array, new_element) -%}{{ array }} || {{ new_element }}{%- endmacro %}
{% macro athena__array_concat(array_1, array_2) -%}{{ array_1 }} || {{ array_2 }}{%- endmacro %}
{% macro athena__array_construct(inputs, data_type) -%}
  {{ 'array[ ' ~ inputs | join(' , ') ~ ' ]' if inputs else safe_cast('array[]', 'array(' ~ data_type ~ ')') }}
{%- endmacro %}

{% macro athena__bool_or(expression) -%}bool_or({{ expression }}){%- endmacro %}

{% macro athena__date_trunc(datepart, date) -%}date_trunc('{{ datepart }}', {{ date }}){%- endmacro %}

{% macro athena__dateadd(datepart, interval, from_date_or_timestamp) -%}
  date_add('{{ datepart }}', {{ interval }}, {{ from_date_or_timestamp }})
{%- endmacro %}

{# Each part is the bigger one's difference in its own units, and then the parts of both dates. #}
{% macro athena__datediff(first_date, second_date, datepart) -%}
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
    {{ exceptions.raise_compiler_error('Unsupported datepart for macro datediff in Athena: {!r}'.format(datepart)) }}
  {%- endif -%}
{%- endmacro %}

{% macro athena__equals(expr1, expr2) -%}
  {%- set operator = 'IS NOT DISTINCT FROM' if adapter.behavior.enable_truthy_nulls_equals_macro.no_warn else '=' -%}
  ({{ expr1 }} {{ operator }} {{ expr2 }})
{%- endmacro %}

{% macro athena__hash(field) -%}lower(to_hex(md5(to_utf8(cast({{ field }} as varchar))))){%- endmacro %}

{% macro athena__listagg(measure, delimiter_text, order_by_clause, limit_num) -%}
  {%- set list = 'array_agg( ' ~ measure ~ (' ' ~ order_by_clause if order_by_clause else '') ~ ' )' -%}
  array_join( {{ 'slice( ' ~ list ~ ' , 1, ' ~ limit_num ~ ' )' if limit_num else list }} , {{ delimiter_text }} )
{%- endmacro %}

{% macro athena__right(string_text, length_expression) %}
  case when {{ length_expression }} = 0
    then ''
  else
    substr({{ string_text }}, -1 * ({{ length_expression }}))
  end
{%- endmacro -%}

{% macro athena__safe_cast(field, type) -%}try_cast({{ field }} as {{ type }}){%- endmacro %}

{%- macro athena__type_float() -%}DOUBLE{%- endmacro -%}
{%- macro athena__type_int() -%}INTEGER{%- endmacro -%}
{%- macro athena__type_numeric() -%}DECIMAL(38,6){%- endmacro -%}
{%- macro athena__type_string() -%}VARCHAR{%- endmacro -%}

{# Iceberg tables keep microseconds, Hive tables and views do not. #}
{% macro cast_timestamp(timestamp_col) -%}
  {%- set settings = model.get('config', {}) -%}
  {%- set view = settings.get('materialized', 'table') in ['view', 'ephemeral'] -%}
  cast({{ timestamp_col }} as timestamp{{ '(6)' if settings.get('table_type', 'hive') == 'iceberg' and not view }})
{%- endmacro %}
{% macro athena__current_timestamp() -%}{{ cast_timestamp('now()') }}{%- endmacro %}

{% macro end_of_time() -%}{{ return(adapter.dispatch('end_of_time')()) }}{%- endmacro %}
{% macro athena__end_of_time() -%}cast('9999-01-01' AS timestamp){%- endmacro %}

{% macro athena__snapshot_hash_arguments(args) -%}
  to_hex(md5(to_utf8({% for arg in args %}coalesce(cast({{ arg }} as varchar ), '') {{ " || '|' || " if not loop.last }}{% endfor %})))
{%- endmacro %}

{# ── Types differ between statements that define and those that query ────── #}

{% macro ddl_data_type(col_type, table_type = 'hive') -%}
  {% set type = modules.re.sub('(?:varchar|character varying)(?:\(\d+\))?', 'string', col_type) %}
  {% set type = type.replace('(', '<').replace(')', '>') if 'array' in type or 'map' in type else type %}
  {% set type = type.replace('integer', 'int') %}
  {% if table_type == 'iceberg' %}
    {% set type = 'timestamp' if 'timestamp' in type else type %}
    {% set type = 'binary' if 'binary' in type else type %}
  {% endif %}
  {{ return(type) }}
{% endmacro %}

{% macro dml_data_type(col_type) -%}
  {{ return(modules.re.sub('\bint\b', 'integer', col_type).replace('string', 'varchar').replace('float', 'real')) }}
{% endmacro %}

{% macro athena__get_empty_schema_sql(columns) %}
  {%- set untyped = [] -%}
  {%- set nulls = [] -%}
  {%- for column in columns.values() -%}
    {%- if column['data_type'] is not defined -%}
      {%- do untyped.append(column['name']) -%}
    {%- else -%}
      {%- set name = adapter.quote(column['name']) if column.get('quote') else column['name'] -%}
      {%- do nulls.append('cast(null as ' ~ dml_data_type(column['data_type']) ~ ') as ' ~ name) -%}
    {%- endif -%}
  {%- endfor -%}
  select
  {{ nulls | join(', ') }}
  {{ exceptions.column_type_missing(column_names=untyped) if untyped }}
{% endmacro %}

{% macro resolve_table_type() %}
  {%- set catalog = adapter.build_catalog_relation(config.model) -%}
  {%- set type = config.get('table_type', default=none) -%}
  {%- set type = catalog.table_format if type is none and catalog is not none else type -%}
  {{ return((type or 'hive') | lower) }}
{% endmacro %}

{# ── Relations and statements ────────────────────────────────────────────── #}

{# Hides dbt's own: a temporary table may have a schema of its own. #}
{% macro make_temp_relation(base_relation, suffix='__dbt_tmp', temp_schema=none) %}
  {%- set named = base_relation.incorporate(path={'identifier': base_relation.identifier ~ suffix}) -%}
  {%- if temp_schema is not none -%}
    {%- set named = named.incorporate(path={'identifier': named.identifier, 'schema': temp_schema}) -%}
    {%- do create_schema(named) -%}
  {%- endif -%}
  {{ return(named) }}
{% endmacro %}

{% macro create_table_as(temporary, relation, compiled_code, language='sql', skip_partitioning=false) -%}
  {{ adapter.dispatch('create_table_as', 'athena')(temporary, relation, compiled_code, language, skip_partitioning) }}
{%- endmacro %}

{% macro athena__create_view_as(relation, sql) -%}
  {%- if config.get('contract').enforced -%}
    {{ get_assert_columns_equivalent(sql) }}
  {%- endif -%}
  create or replace view
    {{ relation }}
  as
    {{ sql }}
{% endmacro %}

{% macro athena__rename_relation(from_relation, to_relation) %}
  {% call statement('rename_relation') -%}
    alter table {{ from_relation.render_hive() }} rename to `{{ to_relation.schema }}`.`{{ to_relation.identifier }}`
  {%- endcall %}
{%- endmacro %}
{% macro athena__create_schema(relation) -%}
  {%- call statement('create_schema') -%}
    create schema if not exists {{ relation.without_identifier().render_hive() }}
  {% endcall %}
  {{ adapter.add_lf_tags_to_database(relation) }}
{% endmacro %}
{% macro athena__drop_schema(relation) -%}
  {%- call statement('drop_schema') -%}
    drop schema if exists {{ relation.without_identifier().render_hive() }} cascade
  {% endcall %}
{% endmacro %}
{% macro drop_glue_database(database_name, catalog_name='awsdatacatalog') -%}
  {{ adapter.drop_glue_database(database_name, catalog_name) }}
{% endmacro %}
{% macro athena__get_columns_in_relation(relation) -%}{{ return(adapter.get_columns_in_relation(relation)) }}{% endmacro %}

{% macro athena__drop_relation(relation) -%}
  {%- set found = adapter.get_glue_table_type(relation) -%}
  {%- set plain = relation.type == 'view' or (found != none and found.value == 'iceberg_table') -%}
  {%- if adapter.is_s3_tables_database(relation.database) -%}
    {%- do drop_relation_s3_tables(relation) -%}
  {%- elif config.get('native_drop', default=false) and plain -%}
    {%- do drop_relation_sql(relation) -%}
  {%- else -%}
    {%- do drop_relation_glue(relation) -%}
  {%- endif -%}
{% endmacro %}
{% macro drop_relation_glue(relation) -%}
  {%- do log('Dropping relation via Glue and S3 APIs') -%}
  {%- do adapter.clean_up_table(relation) -%}
  {%- do adapter.delete_from_glue_catalog(relation) -%}
{% endmacro %}
{% macro drop_relation_s3_tables(relation) -%}
  {%- do log('Dropping S3 Tables relation via Glue Data Catalog') -%}
  {%- do adapter.delete_from_glue_catalog(relation) -%}
{% endmacro %}
{% macro drop_relation_sql(relation) -%}
  {%- do log('Dropping relation via SQL only') -%}
  {% call statement('drop_relation', auto_begin=False) -%}
    drop {{ relation.type }} if exists {{ relation.render() if relation.type == 'view' else relation.render_hive() }}
  {%- endcall %}
{% endmacro %}

{% macro set_table_classification(relation) -%}
  {% call statement('set_table_classification', auto_begin=False) -%}
    alter table {{ relation.render_hive() }} set tblproperties ('classification' = '{{ config.get('format', default='parquet') }}')
  {%- endcall %}
{%- endmacro %}

{# A table is never emptied here, it is made anew. #}
{% macro default__reset_csv_table(model, full_refresh, old_relation, agate_table) %}
  {{ drop_relation(old_relation) }}
  {{ return(create_csv_table(model, agate_table)) }}
{% endmacro %}
{% macro athena__load_csv_rows(model, agate_table) %}
  {{ default__load_csv_rows(model, agate_table) if config.get('seed_by_insert', False) | as_bool else 'select 1' }}
{% endmacro %}

{# OPTIMIZE and VACUUM may have to run more than once. #}
{% macro run_hooks(hooks, inside_transaction=True) %}
  {% set re = modules.re %}
  {% for hook in hooks | selectattr('transaction', 'equalto', inside_transaction) %}
    {% set text = render(hook.get('sql')) | trim %}
    {% if not text %}
    {% elif re.match('optimize\W+\S+\W+rewrite data using bin_pack', text.lower(), re.MULTILINE) %}
      {% do adapter.run_operation_with_potential_multiple_runs(text, 'optimize') %}
    {% elif re.match('vacuum\W+\S+', text.lower(), re.MULTILINE) %}
      {% do adapter.run_operation_with_potential_multiple_runs(text, 'vacuum') %}
    {% else %}
      {% call statement(auto_begin=inside_transaction) %}
        {{ text }}
      {% endcall %}
    {% endif %}
  {% endfor %}
{% endmacro %}

{# ── Incremental models ──────────────────────────────────────────────────── #}

{# microbatch is what the kind of table can do. #}
{% macro validate_get_incremental_strategy(raw_strategy, table_type) %}
  {% set iceberg = table_type == 'iceberg' %}
  {% if raw_strategy not in ['append', 'microbatch', 'merge' if iceberg else 'insert_overwrite'] %}
    {% do exceptions.raise_compiler_error('Invalid incremental strategy provided: ' ~ raw_strategy ~ '\n' ~ (
      "Incremental models on Iceberg tables only work with 'append', 'microbatch' or 'merge' (v3 only) strategy." if iceberg
      else "Expected one of: 'append', 'insert_overwrite', 'microbatch'"
    )) %}
  {% endif %}
  {% set batch = 'merge' if iceberg else 'insert_overwrite' %}
  {% do return(batch if raw_strategy == 'microbatch' else raw_strategy) %}
{% endmacro %}

{# Hides dbt's own and gives columns instead of their names. #}
{% macro get_merge_update_columns(merge_update_columns, merge_exclude_columns, dest_columns) %}
  {% if merge_update_columns and merge_exclude_columns %}
    {{ exceptions.raise_compiler_error(
      'Model cannot specify merge_update_columns and merge_exclude_columns. Please update model to use only one config'
    ) }}
  {% endif %}
  {% set named = (merge_update_columns or merge_exclude_columns or []) | map('lower') | list %}
  {% set wanted = [] %}
  {% for column in dest_columns %}
    {% set listed = column.column | lower in named %}
    {% if (merge_update_columns and listed) or (not merge_update_columns and not listed) %}{% do wanted.append(column) %}{% endif %}
  {% endfor %}
  {{ return(wanted) }}
{% endmacro %}

{# How a merge joins the old and the new value of a column; any other rule is an expression of _old_ and _new_. #}
{%- macro get_update_statement(col, rule, is_last) -%}
  {%- set new, old = ('src.' ~ col.quoted, 'target.' ~ col.quoted) -%}
  {{ col.quoted }} = {% if rule == 'coalesce' -%}
    coalesce({{ new }}, {{ old }})
  {%- elif rule == 'sum' and col.data_type.startswith('map') -%}
    map_zip_with(coalesce({{ new }}, map()), coalesce({{ old }}, map()), (k, v1, v2) -> coalesce(v1, 0) + coalesce(v2, 0))
  {%- elif rule == 'sum' -%}
    {{ new }} + {{ old }}
  {%- elif rule == 'append' -%}
    {{ new }} || {{ old }}
  {%- elif rule == 'append_distinct' -%}
    array_distinct({{ new }} || {{ old }})
  {%- else -%}
    {{ new if rule == 'replace' else rule | replace('_new_', new) | replace('_old_', old) }}
  {%- endif -%}
  {{ ',' if not is_last }}
{%- endmacro -%}

{% macro remove_partitions_from_columns(columns_with_partitions, partition_keys) %}
  {{ return(columns_with_partitions | rejectattr('name', 'in', partition_keys) | list) }}
{%- endmacro %}

{% macro alter_relation_drop_columns(relation, remove_columns = none) -%}
  {% for column in remove_columns or [] %}
    {% do run_query('alter ' ~ relation.type ~ ' ' ~ relation.render_hive() ~ ' drop column ' ~ column.quoted_hive ~ ' ') %}
  {% endfor %}
{% endmacro %}
{% macro alter_relation_rename_column(relation, source_column, target_column, target_column_type, table_type = 'hive') -%}
  {% set type = ddl_data_type(target_column_type, table_type) %}
  {{ return(run_query(
    'alter ' ~ relation.type ~ ' ' ~ relation.render_pure() ~ ' change column ' ~ source_column ~ ' ' ~ target_column ~ ' ' ~ type
  )) }}
{% endmacro %}

{% macro athena__persist_docs(relation, model, for_relation=true, for_columns=true) -%}
  {% set relation_docs = for_relation and config.persist_relation_docs() %}
  {% set column_docs = for_columns and config.persist_column_docs() and model.columns %}
  {% if column_docs %}
    {% set present = adapter.get_columns_in_relation(relation) | map(attribute='name') | list %}
    {% do validate_doc_columns(relation, model.columns, present) %}
  {% endif %}
  {% if relation_docs or column_docs %}
    {% do adapter.persist_docs_to_glue(
      relation=relation, model=model, persist_relation_docs=relation_docs, persist_column_docs=column_docs,
      skip_archive_table_version=true
    ) %}
  {% endif %}
{% endmacro %}
