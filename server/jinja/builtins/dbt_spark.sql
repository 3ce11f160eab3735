{# dbt-spark's own macros, which dbt-databricks uses, too: what differs from the default. #}

{# ── Names: Spark has schemas only ───────────────────────────────────────── #}

{% macro spark__generate_database_name(custom_database_name=none, node=none) -%}{% do return(None) %}{%- endmacro %}

{# ── SQL that is spelled differently by each database ────────────────────── #}

{% macro spark__any_value(expression) -%}first({{ expression }}){%- endmacro %}

{% macro spark__array_append(array, new_element) -%}{{ array_concat(array, array_construct([new_element])) }}{%- endmacro %}
{% macro spark__array_concat(array_1, array_2) -%}concat({{ array_1 }}, {{ array_2 }}){%- endmacro %}
{% macro spark__array_construct(inputs, data_type) -%}array( {{ inputs | join(' , ') }} ){%- endmacro %}

{% macro spark__bool_or(expression) -%}max({{ expression }}){%- endmacro %}

{% macro spark__concat(fields) -%}concat({{ fields | join(', ') }}){%- endmacro %}

{% macro spark__date(year, month, day) -%}
  to_date('{{ modules.datetime.date(year, month, day).strftime('%Y-%m-%d') }}', 'yyyy-MM-dd')
{%- endmacro %}

{# Spark gives null for what is no date; this fails instead. #}
{% macro assert_not_null(function, arg) -%}{{ return(adapter.dispatch('assert_not_null', 'dbt')(function, arg)) }}{%- endmacro %}
{% macro spark__assert_not_null(function, arg) %}
  {%- set call = function ~ '(' ~ arg ~ ')' %}
  coalesce({{ call }}, nvl2({{ call }}, assert_true({{ call }} is not null), null))
{% endmacro %}

{# Days and months are counted by the calendar, and the time of day is added again. #}
{% macro spark__dateadd(datepart, interval, from_date_or_timestamp) %}
  {%- set factor = {
    'day': '1', 'week': '7', 'month': ' 1', 'quarter': ' 3', 'year': ' 12',
    'hour': ' 3600', 'minute': ' 60', 'second': ' 1', 'millisecond': ' (1/1000000)', 'microsecond': ' (1/1000000)'
  } -%}
  {%- if datepart not in factor -%}
    {{ exceptions.raise_compiler_error("macro dateadd not implemented for datepart ~ '" ~ datepart ~ "' ~ on Spark") }}
  {%- elif datepart in ['day', 'week', 'month', 'quarter', 'year'] -%}
    {%- set date = assert_not_null('date', from_date_or_timestamp) -%}
    to_timestamp(
      to_unix_timestamp(
        {{ 'date_add' if datepart in ['day', 'week'] else 'add_months' }}(
          {{ date }},
          cast({{ interval }} * {{ factor[datepart] }} as int)
        )
      ) + to_unix_timestamp({{ assert_not_null('to_timestamp', from_date_or_timestamp) }})
        - to_unix_timestamp({{ date }})
    )
  {%- else -%}
    to_timestamp(
      {{ assert_not_null('to_unix_timestamp', from_date_or_timestamp) }}
      + cast({{ interval }} * {{ factor[datepart] }} as int)
    )
  {%- endif -%}
{% endmacro %}

{# Whole units between the two, and one more for a boundary that lies between. #}
{% macro spark__datediff(first_date, second_date, datepart) %}
  {%- set a, b = (first_date, second_date) -%}
  {%- if datepart in ['day', 'week', 'month', 'quarter', 'year'] -%}
    {%- set a, b = (assert_not_null('date', first_date), assert_not_null('date', second_date)) -%}
  {%- endif -%}
  {%- set months = 'months_between(date(' ~ b ~ '), date(' ~ a ~ '))' -%}
  {%- set days = 'datediff(' ~ b ~ ', ' ~ a ~ ')' -%}
  {%- if datepart == 'day' -%}
    {{ days }}
  {%- elif datepart == 'week' -%}
    case when {{ a }} < {{ b }}
      then floor({{ days }}/7)
      else ceil({{ days }}/7)
      end
    -- did we cross a week boundary (Sunday)?
    + case
      when {{ a }} < {{ b }} and dayofweek({{ b }}) < dayofweek({{ a }}) then 1
      when {{ a }} > {{ b }} and dayofweek({{ b }}) > dayofweek({{ a }}) then -1
      else 0 end
  {%- elif datepart == 'month' -%}
    case when {{ a }} < {{ b }}
      then floor({{ months }})
      else ceil({{ months }})
      end
    -- did we cross a month boundary?
    + case
      when {{ a }} < {{ b }} and dayofmonth({{ b }}) < dayofmonth({{ a }}) then 1
      when {{ a }} > {{ b }} and dayofmonth({{ b }}) > dayofmonth({{ a }}) then -1
      else 0 end
  {%- elif datepart == 'quarter' -%}
    {%- set in_a = '(dayofyear(' ~ a ~ ') - (quarter(' ~ a ~ ') * 365/4))' -%}
    {%- set in_b = '(dayofyear(' ~ b ~ ') - (quarter(' ~ b ~ ') * 365/4))' -%}
    case when {{ a }} < {{ b }}
      then floor({{ months }}/3)
      else ceil({{ months }}/3)
      end
    -- did we cross a quarter boundary?
    + case
      when {{ a }} < {{ b }} and (
        {{ in_b }}
        < {{ in_a }}
      ) then 1
      when {{ a }} > {{ b }} and (
        {{ in_b }}
        > {{ in_a }}
      ) then -1
      else 0 end
  {%- elif datepart == 'year' -%}
    year({{ b }}) - year({{ a }})
  {%- elif datepart in ['hour', 'minute', 'second', 'millisecond', 'microsecond'] -%}
    {%- set seconds = {'hour': '3600', 'minute': '60', 'second': '1', 'millisecond': '(1/1000)', 'microsecond': '(1/1000000)'} -%}
    {%- set unix_a = assert_not_null('to_unix_timestamp', assert_not_null('to_timestamp', a)) -%}
    {%- set unix_b = assert_not_null('to_unix_timestamp', assert_not_null('to_timestamp', b)) -%}
    case when {{ a }} < {{ b }}
      then ceil((
        {{ unix_b }}
        - {{ unix_a }}
      ) / {{ seconds[datepart] }})
      else floor((
        {{ unix_b }}
        - {{ unix_a }}
      ) / {{ seconds[datepart] }})
      end
    {% if datepart == 'millisecond' %}
      + cast(date_format({{ b }}, 'SSS') as int)
      - cast(date_format({{ a }}, 'SSS') as int)
    {% elif datepart == 'microsecond' %}
      {% set pattern = '[0-9]{4}-[0-9]{2}-[0-9]{2}.[0-9]{2}:[0-9]{2}:[0-9]{2}.([0-9]{6})' %}
      -- Spark doesn't really support microseconds, so this is a massive hack!
      -- It will only work if the timestamp-string is of the format
      -- 'yyyy-MM-dd-HH mm.ss.SSSSSS'
      + cast(regexp_extract({{ b }}, '{{ pattern }}', 1) as int)
      - cast(regexp_extract({{ a }}, '{{ pattern }}', 1) as int)
    {% endif %}
  {%- else -%}
    {{ exceptions.raise_compiler_error("macro datediff not implemented for datepart ~ '" ~ datepart ~ "' ~ on Spark") }}
  {%- endif -%}
{% endmacro %}

{% macro spark__escape_single_quotes(expression) -%}{{ expression | replace("'", "\\'") }}{%- endmacro %}

{% macro spark__listagg(measure, delimiter_text, order_by_clause, limit_num) -%}
  {% if order_by_clause %}
    {{ exceptions.warn('order_by_clause is not supported for listagg on Spark/Databricks') }}
  {% endif %}
  {% set list = ' collect_list(' ~ measure ~ ') ' %}
  {% set list = ' slice(' ~ list ~ ', 1, ' ~ limit_num ~ ') ' if limit_num else list %}
  {% do return(' array_join(' ~ list ~ ', ' ~ delimiter_text ~ ') ') %}
{%- endmacro %}

{# A struct, an array or a map that is given as text loses its quotes. #}
{% macro spark__safe_cast(field, type) %}
  {%- set bare = field is string and cast_from_string_unsupported_for(type) -%}
  cast({{ field.strip('"').strip("'") if bare else field }} as {{ type }})
{% endmacro %}
{% macro cast_from_string_unsupported_for(type) %}
  {% set kind = type.lower() %}
  {{ return(kind.startswith('struct') or kind.startswith('array') or kind.startswith('map')) }}
{% endmacro %}

{# The delimiter is a pattern, and Spark counts from 0. #}
{% macro spark__split_part(string_text, delimiter_text, part_number) %}
  {% set text %}
    split(
      {{ string_text }},
      -- escape if starts with a special character
      case when regexp_extract({{ delimiter_text }}, '([^A-Za-z0-9])(.*)', 1) != '_'
        then concat('\\', {{ delimiter_text }})
        else {{ delimiter_text }} end
      )
    {%- if part_number >= 0 -%}
      [({{ part_number - 1 if part_number > 0 else part_number }})]
    {%- else -%}
      [(
        length({{ string_text }})
        - length(
          replace({{ string_text }}, {{ delimiter_text }}, '')
        ) + 1 + {{ part_number }}
      )]
    {%- endif %}
  {% endset %}
  {{ return(text) }}
{% endmacro %}

{% macro spark__current_timestamp() -%}current_timestamp(){%- endmacro %}
{% macro spark__snapshot_string_as_time(timestamp) -%}{{ return("to_timestamp('" ~ timestamp ~ "')") }}{%- endmacro %}
{% macro spark__snapshot_hash_arguments(args) -%}
  md5({% for arg in args %}coalesce(cast({{ arg }} as string ), '') {{ " || '|' || " if not loop.last }}{% endfor %})
{%- endmacro %}

{# ── Clauses of a table ──────────────────────────────────────────────────── #}

{% macro tblproperties_clause() %}{{ return(adapter.dispatch('tblproperties_clause', 'dbt')()) }}{%- endmacro -%}
{% macro spark__tblproperties_clause() -%}
  {%- set properties = config.get('tblproperties') -%}
  {%- if properties is not none %}
    tblproperties (
      {%- for name, value in properties.items() -%}
      '{{ name }}' = '{{ value }}' {{ ', ' if not loop.last }}
      {%- endfor %}
    )
  {%- endif %}
{%- endmacro -%}

{% macro file_format_clause() %}{{ return(adapter.dispatch('file_format_clause', 'dbt')()) }}{%- endmacro -%}
{% macro spark__file_format_clause() %}
  {%- set format = config.get('file_format') -%}
  {{ ' using ' ~ format if format is not none }}
{%- endmacro -%}

{% macro location_clause() %}{{ return(adapter.dispatch('location_clause', 'dbt')()) }}{%- endmacro -%}
{% macro spark__location_clause() %}
  {%- set root = config.get('location_root') -%}
  {{ " location '" ~ root ~ '/' ~ model['alias'] ~ "'" if root is not none }}
{%- endmacro -%}

{% macro options_clause() -%}{{ return(adapter.dispatch('options_clause', 'dbt')()) }}{%- endmacro -%}
{# Hudi wants the unique_key as its primaryKey. #}
{% macro spark__options_clause() -%}
  {%- set options = config.get('options') -%}
  {%- set key = config.get('unique_key') -%}
  {%- if config.get('file_format') == 'hudi' -%}
    {%- if options is not none and 'primaryKey' in options and options['primaryKey'] != key -%}
      {{ exceptions.raise_compiler_error("unique_key and options('primaryKey') should be the same column(s).") }}
    {%- elif key is not none and (options is none or 'primaryKey' not in options) -%}
      {%- set options = {} if options is none else options -%}
      {%- do options.update({'primaryKey': key}) -%}
    {%- endif %}
  {%- endif -%}
  {%- if options is not none %}
    options (
      {%- for name, value in options.items() -%}
      {{ name }} "{{ value }}" {{ ', ' if not loop.last }}
      {%- endfor %}
    )
  {%- endif %}
{%- endmacro -%}

{% macro comment_clause() %}{{ return(adapter.dispatch('comment_clause', 'dbt')()) }}{%- endmacro -%}
{% macro spark__comment_clause() %}
  {%- set docs = config.get('persist_docs', {}) -%}
  {%- if docs is mapping and docs.get('relation', false) -%}
    comment '{{ model.description | replace("'", "\\'") }}'
  {%- elif docs and docs is not mapping -%}
    {{ exceptions.raise_compiler_error("Invalid value provided for 'persist_docs'. Expected dict but got value: " ~ docs) }}
  {%- endif %}
{%- endmacro -%}

{% macro partition_cols(label, required=false) %}{{ return(adapter.dispatch('partition_cols', 'dbt')(label, required)) }}{%- endmacro -%}
{% macro spark__partition_cols(label, required=false) %}
  {%- set columns = config.get('partition_by') -%}
  {%- if columns is not none %}
    {{ label }} ({{ columns if columns is string else columns | join(',') }})
  {%- endif %}
{%- endmacro -%}

{% macro clustered_cols(label, required=false) %}{{ return(adapter.dispatch('clustered_cols', 'dbt')(label, required)) }}{%- endmacro -%}
{% macro spark__clustered_cols(label, required=false) %}
  {%- set columns = config.get('clustered_by') -%}
  {%- set buckets = config.get('buckets') -%}
  {%- if columns is not none and buckets is not none %}
    {{ label }} ({{ columns if columns is string else columns | join(',') }}) into {{ buckets }} buckets
  {%- endif %}
{%- endmacro -%}

{# ── Relations and statements ────────────────────────────────────────────── #}

{# A temporary view belongs to no schema. #}
{% macro spark__make_temp_relation(base_relation, suffix) %}
  {% set named = base_relation.incorporate(path={'identifier': base_relation.identifier ~ suffix}) %}
  {% do return(named.include(database=false, schema=false)) %}
{% endmacro %}

{% macro create_temporary_view(relation, compiled_code) -%}
  {{ return(adapter.dispatch('create_temporary_view', 'dbt')(relation, compiled_code)) }}
{%- endmacro -%}
{% macro spark__create_temporary_view(relation, compiled_code) -%}
  create or replace temporary view {{ relation }} as
    {{ compiled_code }}
{%- endmacro -%}

{% macro spark__create_schema(relation) -%}
  {%- call statement('create_schema') -%}create schema if not exists {{ relation }}{% endcall %}
{% endmacro %}
{% macro spark__drop_schema(relation) -%}
  {%- call statement('drop_schema') -%}drop schema if exists {{ relation }} cascade{%- endcall -%}
{% endmacro %}
{% macro spark__drop_relation(relation) -%}
  {% call statement('drop_relation', auto_begin=False) -%}drop {{ relation.type }} if exists {{ relation }}{%- endcall %}
{% endmacro %}
{% macro spark__rename_relation(from_relation, to_relation) -%}
  {% call statement('rename_relation') -%}
    {% if not from_relation.type %}
      {% do exceptions.raise_database_error('Cannot rename a relation with a blank type: ' ~ from_relation.identifier) %}
    {% elif from_relation.type in ['table', 'view'] %}
      alter {{ from_relation.type }} {{ from_relation }} rename to {{ to_relation }}
    {% else %}
      {% do exceptions.raise_database_error(
        "Unknown type '" ~ from_relation.type ~ "' for relation: " ~ from_relation.identifier
      ) %}
    {% endif %}
  {%- endcall %}
{% endmacro %}
{% macro spark__alter_column_type(relation, column_name, new_column_type) -%}
  {% call statement('alter_column_type') %}
    alter table {{ relation }} alter column {{ column_name }} type {{ new_column_type }};
  {% endcall %}
{% endmacro %}
{% macro spark__create_columns(relation, columns) %}
  {% if columns %}
    {% call statement() %}
      alter table {{ relation }} add columns (
        {% for column in columns %}`{{ column.name }}` {{ column.data_type }}{{ ', ' if not loop.last }}{% endfor %}
      );
    {% endcall %}
  {% endif %}
{% endmacro %}

{% macro spark__list_schemas(database) -%}
  {% call statement('list_schemas', fetch_result=True, auto_begin=False) %}
    show databases
  {% endcall %}
  {{ return(load_result('list_schemas').table) }}
{% endmacro %}
{% macro fetch_tbl_properties(relation) -%}
  {% call statement('list_properties', fetch_result=True) -%}SHOW TBLPROPERTIES {{ relation }}{% endcall %}
  {% do return(load_result('list_properties').table) %}
{%- endmacro %}
{% macro get_columns_in_relation_raw(relation) -%}
  {{ return(adapter.dispatch('get_columns_in_relation_raw', 'dbt')(relation)) }}
{%- endmacro -%}
{% macro spark__get_columns_in_relation_raw(relation) -%}
  {% call statement('get_columns_in_relation_raw', fetch_result=True) %}describe extended {{ relation }}{% endcall %}
  {% do return(load_result('get_columns_in_relation_raw').table) %}
{% endmacro %}
{% macro spark__get_columns_in_relation(relation) -%}
  {% call statement('get_columns_in_relation', fetch_result=True) %}
    describe extended {{ relation.include(schema=(schema is not none)) }}
  {% endcall %}
  {% do return(load_result('get_columns_in_relation').table) %}
{% endmacro %}
{% macro spark__list_relations_without_caching(relation) %}
  {% call statement('list_relations_without_caching', fetch_result=True) -%}
    show table extended in {{ relation.schema }} like '*'
  {% endcall %}
  {% do return(load_result('list_relations_without_caching').table) %}
{% endmacro %}
{% macro list_relations_show_tables_without_caching(schema_relation) %}
  {% call statement('list_relations_without_caching_show_tables', fetch_result=True) -%}
    show tables in {{ schema_relation.schema }} like '*'
  {% endcall %}
  {% do return(load_result('list_relations_without_caching_show_tables').table) %}
{% endmacro %}
{% macro describe_table_extended_without_caching(table_name) %}
  {% call statement('describe_table_extended_without_caching', fetch_result=True) -%}describe extended {{ table_name }}{% endcall %}
  {% do return(load_result('describe_table_extended_without_caching').table) %}
{% endmacro %}

{% macro spark__can_clone_table() %}{{ return(True) }}{% endmacro %}
{% macro spark__create_or_replace_clone(this_relation, defer_relation) %}
  create or replace table {{ this_relation }} shallow clone {{ defer_relation }}
{% endmacro %}

{% macro spark__post_snapshot(staging_relation) %}{% do adapter.drop_relation(staging_relation) %}{% endmacro %}
{% macro spark__get_binding_char() %}{{ return('?' if target.method == 'odbc' else '%s') }}{% endmacro %}
{% macro spark__reset_csv_table(model, full_refresh, old_relation, agate_table) %}
  {{ adapter.drop_relation(old_relation) if old_relation }}
  {{ return(create_csv_table(model, agate_table)) }}
{% endmacro %}

{# ── Incremental models ──────────────────────────────────────────────────── #}

{% macro dbt_spark_validate_get_file_format(raw_file_format) %}
  {% set known = ['text', 'csv', 'json', 'jdbc', 'parquet', 'orc', 'hive', 'delta', 'iceberg', 'libsvm', 'hudi'] %}
  {% if raw_file_format not in known %}
    {% do exceptions.raise_compiler_error(
      'Invalid file format provided: ' ~ raw_file_format ~ '\nExpected one of: ' ~ known | join(', ')
    ) %}
  {% endif %}
  {% do return(raw_file_format) %}
{% endmacro %}

{% macro dbt_spark_validate_get_incremental_strategy(raw_strategy, file_format) %}
  {% set complaint = 'Invalid incremental strategy provided: ' ~ raw_strategy ~ '\n' %}
  {% if raw_strategy not in ['append', 'merge', 'insert_overwrite', 'microbatch'] %}
    {% do exceptions.raise_compiler_error(complaint ~ "Expected one of: 'append', 'merge', 'insert_overwrite', 'microbatch'") %}
  {% elif raw_strategy == 'merge' and file_format not in ['delta', 'iceberg', 'hudi'] %}
    {% do exceptions.raise_compiler_error(
      complaint ~ "You can only choose this strategy when file_format is set to 'delta' or 'iceberg' or 'hudi'"
    ) %}
  {% elif raw_strategy in ['insert_overwrite', 'microbatch'] and target.endpoint %}
    {% do exceptions.raise_compiler_error(
      complaint ~ "You cannot use this strategy when connecting via endpoint\nUse the 'append' or 'merge' strategy instead"
    ) %}
  {% endif %}
  {% do return(raw_strategy) %}
{% endmacro %}

{# Without a config none, for Spark can say `update set *`. #}
{% macro spark__get_merge_update_columns(merge_update_columns, merge_exclude_columns, dest_columns) %}
  {{ return(
    default__get_merge_update_columns(merge_update_columns, merge_exclude_columns, dest_columns)
    if merge_update_columns or merge_exclude_columns else none
  ) }}
{% endmacro %}

{% macro get_insert_into_sql(source_relation, target_relation) %}
  insert into table {{ target_relation }}
  select {{ adapter.get_columns_in_relation(target_relation) | map(attribute='quoted') | join(', ') }} from {{ source_relation }}
{% endmacro %}

{% macro get_insert_overwrite_sql(source_relation, target_relation, existing_relation) %}
  {%- set names = adapter.get_columns_in_relation(target_relation) | map(attribute='quoted') | join(', ') -%}
  {% if existing_relation.is_iceberg %}
    insert overwrite {{ target_relation }}
  {% else %}
    insert overwrite table {{ target_relation }}
    {{ partition_cols(label='partition') }}
  {% endif %}
  select {{ names }} from {{ source_relation }}
{% endmacro %}

{# ── Constraints, grants and comments ────────────────────────────────────── #}

{% macro persist_constraints(relation, model) %}{{ return(adapter.dispatch('persist_constraints', 'dbt')(relation, model)) }}{% endmacro %}
{% macro spark__persist_constraints(relation, model) %}
  {% if config.get('contract').enforced and config.get('file_format', 'delta') == 'delta' %}
    {% do alter_table_add_constraints(relation, model.constraints) %}
    {% do alter_column_set_constraints(relation, model.columns) %}
  {% endif %}
{% endmacro %}
{% macro alter_table_add_constraints(relation, constraints) %}
  {{ return(adapter.dispatch('alter_table_add_constraints', 'dbt')(relation, constraints)) }}
{% endmacro %}
{% macro spark__alter_table_add_constraints(relation, constraints) %}
  {% for check in constraints %}
    {% if check.type == 'check' and not is_incremental() %}
      {%- set name = check.name or local_md5(column_name ~ ';' ~ check.expression ~ ';' ~ loop.index) -%}
      {% call statement() %}
        alter table {{ relation }} add constraint {{ name }} check ({{ check.expression }});
      {% endcall %}
    {% endif %}
  {% endfor %}
{% endmacro %}
{% macro alter_column_set_constraints(relation, column_dict) %}
  {{ return(adapter.dispatch('alter_column_set_constraints', 'dbt')(relation, column_dict)) }}
{% endmacro %}

{% macro spark__copy_grants() %}{{ return(config.materialized != 'view') }}{% endmacro %}
{%- macro spark__support_multiple_grantees_per_dcl_statement() -%}{{ return(False) }}{%- endmacro -%}
{%- macro spark__get_grant_sql(relation, privilege, grantees) -%}
  grant {{ privilege }} on {{ relation }} to {{ adapter.quote(grantees[0]) }}
{%- endmacro %}
{%- macro spark__get_revoke_sql(relation, privilege, grantees) -%}
  revoke {{ privilege }} on {{ relation }} from {{ adapter.quote(grantees[0]) }}
{%- endmacro %}
{% macro spark__call_dcl_statements(dcl_statement_list) %}
  {% for dcl in dcl_statement_list %}
    {% call statement('grant_or_revoke') %}{{ dcl }}{% endcall %}
  {% endfor %}
{% endmacro %}

{% macro get_column_comment_sql(column_name, column_dict) -%}
  {%- set text = (column_dict[column_name] or {})['description'] if column_name in column_dict -%}
  {{ adapter.quote(column_name) }} {{ "comment '" ~ text | replace("'", "\\'") ~ "'" if text }}
{% endmacro %}
{% macro get_persist_docs_column_list(model_columns, query_columns) %}
  {% for name in query_columns %}
    {{ get_column_comment_sql(name, model_columns) }}
    {{- ', ' if not loop.last }}
  {% endfor %}
{% endmacro %}
{% macro spark__persist_docs(relation, model, for_relation, for_columns) -%}
  {% if for_columns and config.persist_column_docs() and model.columns %}
    {% set present = adapter.get_columns_in_relation(relation) | map(attribute='name') | list %}
    {% do alter_column_comment(relation, validate_doc_columns(relation, model.columns, present)) %}
  {% endif %}
{% endmacro %}

{# ── Python models ───────────────────────────────────────────────────────── #}

{% macro py_script_comment() %}
# how to execute python model in notebook
# dbt = dbtObj(spark.table)
# df = model(dbt, spark)
{% endmacro %}
