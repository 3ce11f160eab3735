{# Stands in for dbt's global project: names and parameters are dbt's interface, the bodies are ours.
   What only builds the long statements of a warehouse stands in names.yml. #}

{# ── Names of databases, schemas and aliases ─────────────────────────────── #}

{% macro generate_alias_name(custom_alias_name=none, node=none) -%}
  {% do return(adapter.dispatch('generate_alias_name', 'dbt')(custom_alias_name, node)) %}
{%- endmacro %}

{% macro default__generate_alias_name(custom_alias_name=none, node=none) -%}
  {%- if not custom_alias_name and node.version -%}
    {{ return(node.name ~ '_v' ~ node.version | replace('.', '_')) }}
  {%- endif -%}
  {{ custom_alias_name | trim if custom_alias_name else node.name }}
{%- endmacro %}

{% macro generate_latest_version_pointer_alias(custom_alias_name=none, node=none) -%}
  {% do return(adapter.dispatch('generate_latest_version_pointer_alias', 'dbt')(custom_alias_name, node)) %}
{%- endmacro %}

{% macro default__generate_latest_version_pointer_alias(custom_alias_name=none, node=none) -%}
  {{ custom_alias_name | trim if custom_alias_name else node.name }}
{%- endmacro %}

{% macro generate_database_name(custom_database_name=none, node=none) -%}
  {% do return(adapter.dispatch('generate_database_name', 'dbt')(custom_database_name, node)) %}
{%- endmacro %}

{# A catalog's database wins over the config's; only a node that already has a database is asked for its catalog. #}
{% macro default__generate_database_name(custom_database_name=none, node=none) -%}
  {%- if node is not none and node | attr('database') -%}
    {%- set catalog = adapter.build_catalog_relation(node) -%}
    {%- if catalog and catalog | attr('catalog_database') -%}
      {{ return(catalog.catalog_database) }}
    {%- endif -%}
  {%- endif -%}
  {{ target.database if custom_database_name is none else custom_database_name }}
{%- endmacro %}

{% macro generate_schema_name(custom_schema_name=none, node=none) -%}
  {{ return(adapter.dispatch('generate_schema_name', 'dbt')(custom_schema_name, node)) }}
{% endmacro %}

{% macro default__generate_schema_name(custom_schema_name, node) -%}
  {{ target.schema }}
  {%- if custom_schema_name is not none -%}
    _{{ custom_schema_name | trim }}
  {%- endif -%}
{%- endmacro %}

{% macro generate_schema_name_for_env(custom_schema_name, node) -%}
  {{ custom_schema_name | trim if custom_schema_name is not none and target.name == 'prod' else target.schema }}
{%- endmacro %}

{# ── Types ───────────────────────────────────────────────────────────────── #}

{%- macro type_bigint() -%}{{ return(adapter.dispatch('type_bigint', 'dbt')()) }}{%- endmacro -%}
{%- macro type_boolean() -%}{{ return(adapter.dispatch('type_boolean', 'dbt')()) }}{%- endmacro -%}
{%- macro type_float() -%}{{ return(adapter.dispatch('type_float', 'dbt')()) }}{%- endmacro -%}
{%- macro type_int() -%}{{ return(adapter.dispatch('type_int', 'dbt')()) }}{%- endmacro -%}
{%- macro type_numeric() -%}{{ return(adapter.dispatch('type_numeric', 'dbt')()) }}{%- endmacro -%}
{%- macro type_string() -%}{{ return(adapter.dispatch('type_string', 'dbt')()) }}{%- endmacro -%}
{%- macro type_timestamp() -%}{{ return(adapter.dispatch('type_timestamp', 'dbt')()) }}{%- endmacro -%}

{% macro default__type_bigint() %}{{ return(api.Column.translate_type('bigint')) }}{% endmacro %}
{% macro default__type_boolean() %}{{ return(api.Column.translate_type('boolean')) }}{% endmacro %}
{% macro default__type_float() %}{{ return(api.Column.translate_type('float')) }}{% endmacro %}
{% macro default__type_int() %}{{ return(api.Column.translate_type('integer')) }}{% endmacro %}
{% macro default__type_numeric() %}{{ return(api.Column.numeric_type('numeric', 28, 6)) }}{% endmacro %}
{% macro default__type_string() %}{{ return(api.Column.translate_type('string')) }}{% endmacro %}
{% macro default__type_timestamp() %}{{ return(api.Column.translate_type('timestamp')) }}{% endmacro %}

{# ── SQL that is spelled differently by each database ────────────────────── #}

{% macro any_value(expression) -%}{{ return(adapter.dispatch('any_value', 'dbt')(expression)) }}{% endmacro %}
{% macro default__any_value(expression) -%}any_value({{ expression }}){%- endmacro %}

{% macro array_append(array, new_element) -%}{{ return(adapter.dispatch('array_append', 'dbt')(array, new_element)) }}{%- endmacro %}
{% macro default__array_append(array, new_element) -%}array_append({{ array }}, {{ new_element }}){%- endmacro %}

{% macro array_concat(array_1, array_2) -%}{{ return(adapter.dispatch('array_concat', 'dbt')(array_1, array_2)) }}{%- endmacro %}
{% macro default__array_concat(array_1, array_2) -%}array_cat({{ array_1 }}, {{ array_2 }}){%- endmacro %}

{% macro array_construct(inputs=[], data_type=api.Column.translate_type('integer')) -%}
  {{ return(adapter.dispatch('array_construct', 'dbt')(inputs, data_type)) }}
{%- endmacro %}
{% macro default__array_construct(inputs, data_type) -%}
  {{ 'array[ ' ~ inputs | join(' , ') ~ ' ]' if inputs else 'array[]::' ~ data_type ~ '[]' }}
{%- endmacro %}

{% macro bool_or(expression) -%}{{ return(adapter.dispatch('bool_or', 'dbt')(expression)) }}{% endmacro %}
{% macro default__bool_or(expression) -%}bool_or({{ expression }}){%- endmacro %}

{% macro cast(field, type) %}{{ return(adapter.dispatch('cast', 'dbt')(field, type)) }}{% endmacro %}
{% macro default__cast(field, type) %}cast({{ field }} as {{ type }}){% endmacro %}

{% macro cast_bool_to_text(field) %}{{ adapter.dispatch('cast_bool_to_text', 'dbt')(field) }}{% endmacro %}
{% macro default__cast_bool_to_text(field) %}cast({{ field }} as {{ api.Column.translate_type('string') }}){% endmacro %}

{% macro concat(fields) -%}{{ return(adapter.dispatch('concat', 'dbt')(fields)) }}{%- endmacro %}
{% macro default__concat(fields) -%}{{ fields | join(' || ') }}{%- endmacro %}

{% macro date(year, month, day) %}{{ return(adapter.dispatch('date', 'dbt')(year, month, day)) }}{% endmacro %}
{% macro default__date(year, month, day) -%}
  to_date('{{ modules.datetime.date(year, month, day).strftime('%Y-%m-%d') }}', 'YYYY-MM-DD')
{%- endmacro %}

{% macro date_trunc(datepart, date) -%}{{ return(adapter.dispatch('date_trunc', 'dbt')(datepart, date)) }}{%- endmacro %}
{% macro default__date_trunc(datepart, date) -%}date_trunc('{{ datepart }}', {{ date }}){%- endmacro %}

{% macro dateadd(datepart, interval, from_date_or_timestamp) %}
  {{ return(adapter.dispatch('dateadd', 'dbt')(datepart, interval, from_date_or_timestamp)) }}
{% endmacro %}
{% macro default__dateadd(datepart, interval, from_date_or_timestamp) %}
  dateadd(
    {{ datepart }},
    {{ interval }},
    {{ from_date_or_timestamp }}
    )
{% endmacro %}

{% macro datediff(first_date, second_date, datepart) %}
  {{ return(adapter.dispatch('datediff', 'dbt')(first_date, second_date, datepart)) }}
{% endmacro %}
{% macro default__datediff(first_date, second_date, datepart) -%}
  datediff(
    {{ datepart }},
    {{ first_date }},
    {{ second_date }}
    )
{%- endmacro %}

{# With the flag enable_truthy_nulls_equals_macro two nulls are equal. #}
{% macro equals(expr1, expr2) %}{{ return(adapter.dispatch('equals', 'dbt')(expr1, expr2)) }}{%- endmacro %}
{% macro default__equals(expr1, expr2) -%}
  {%- set same = '(' ~ expr1 ~ ' = ' ~ expr2 ~ ')' -%}
  {%- if adapter.behavior.enable_truthy_nulls_equals_macro.no_warn %}
  case when ({{ same }} or ({{ expr1 }} is null and {{ expr2 }} is null))
    then 0
    else 1
  end = 0
  {%- else -%}
  {{ same }}
  {%- endif %}
{% endmacro %}

{% macro escape_single_quotes(expression) %}{{ return(adapter.dispatch('escape_single_quotes', 'dbt')(expression)) }}{% endmacro %}
{% macro default__escape_single_quotes(expression) -%}{{ expression | replace("'", "''") }}{%- endmacro %}

{% macro except() %}{{ return(adapter.dispatch('except', 'dbt')()) }}{% endmacro %}
{% macro default__except() %}except{% endmacro %}

{% macro hash(field) -%}{{ return(adapter.dispatch('hash', 'dbt')(field)) }}{%- endmacro %}
{% macro default__hash(field) -%}md5(cast({{ field }} as {{ api.Column.translate_type('string') }})){%- endmacro %}

{% macro intersect() %}{{ return(adapter.dispatch('intersect', 'dbt')()) }}{% endmacro %}
{% macro default__intersect() %}intersect{% endmacro %}

{% macro last_day(date, datepart) %}{{ return(adapter.dispatch('last_day', 'dbt')(date, datepart)) }}{% endmacro %}
{% macro default__last_day(date, datepart) -%}{{ dbt.default_last_day(date, datepart) }}{%- endmacro %}
{%- macro default_last_day(date, datepart) -%}
  {%- set next_start = dbt.dateadd(datepart, '1', dbt.date_trunc(datepart, date)) -%}
  cast(
    {{ dbt.dateadd('day', '-1', next_start) }}
    as date)
{%- endmacro -%}

{% macro length(expression) -%}{{ return(adapter.dispatch('length', 'dbt')(expression)) }}{% endmacro %}
{% macro default__length(expression) %}
  length(
    {{ expression }}
  )
{%- endmacro -%}

{% macro listagg(measure, delimiter_text="','", order_by_clause=none, limit_num=none) -%}
  {{ return(adapter.dispatch('listagg', 'dbt')(measure, delimiter_text, order_by_clause, limit_num)) }}
{%- endmacro %}
{% macro default__listagg(measure, delimiter_text, order_by_clause, limit_num) -%}
  {%- set ordering = 'within group (' ~ order_by_clause ~ ')' if order_by_clause else '' -%}
  {%- if limit_num -%}
  array_to_string(
    array_slice(
      array_agg(
        {{ measure }}
      ){{ ordering }}
      ,0
      ,{{ limit_num }}
    ),
    {{ delimiter_text }}
    )
  {%- else -%}
  listagg(
    {{ measure }},
    {{ delimiter_text }}
    )
    {{ ordering }}
  {%- endif -%}
{%- endmacro %}

{% macro position(substring_text, string_text) -%}
  {{ return(adapter.dispatch('position', 'dbt')(substring_text, string_text)) }}
{% endmacro %}
{% macro default__position(substring_text, string_text) %}
  position(
    {{ substring_text }} in {{ string_text }}
  )
{%- endmacro -%}

{% macro replace(field, old_chars, new_chars) -%}
  {{ return(adapter.dispatch('replace', 'dbt')(field, old_chars, new_chars)) }}
{% endmacro %}
{% macro default__replace(field, old_chars, new_chars) %}
  replace(
    {{ field }},
    {{ old_chars }},
    {{ new_chars }}
  )
{% endmacro %}

{% macro right(string_text, length_expression) -%}
  {{ return(adapter.dispatch('right', 'dbt')(string_text, length_expression)) }}
{% endmacro %}
{% macro default__right(string_text, length_expression) %}
  right(
    {{ string_text }},
    {{ length_expression }}
  )
{%- endmacro -%}

{% macro safe_cast(field, type) %}{{ return(adapter.dispatch('safe_cast', 'dbt')(field, type)) }}{% endmacro %}
{% macro default__safe_cast(field, type) %}cast({{ field }} as {{ type }}){% endmacro %}

{% macro split_part(string_text, delimiter_text, part_number) %}
  {{ return(adapter.dispatch('split_part', 'dbt')(string_text, delimiter_text, part_number)) }}
{% endmacro %}
{% macro default__split_part(string_text, delimiter_text, part_number) %}
  split_part(
    {{ string_text }},
    {{ delimiter_text }},
    {{ part_number }}
    )
{% endmacro %}
{# A part counted from the end, for databases that count from the start only. #}
{% macro _split_part_negative(string_text, delimiter_text, part_number) %}
  split_part(
    {{ string_text }},
    {{ delimiter_text }},
    length({{ string_text }})
      - length(
        replace({{ string_text }}, {{ delimiter_text }}, '')
      ) + 2 + {{ part_number }}
    )
{% endmacro %}

{%- macro string_literal(value) -%}{{ return(adapter.dispatch('string_literal', 'dbt')(value)) }}{%- endmacro -%}
{% macro default__string_literal(value) -%}'{{ value }}'{%- endmacro %}

{# ── Series of numbers and dates ─────────────────────────────────────────── #}

{% macro get_powers_of_two(upper_bound) %}{{ return(adapter.dispatch('get_powers_of_two', 'dbt')(upper_bound)) }}{% endmacro %}
{# How many bits count up to `upper_bound`, at least one; nothing from 2^99 on. #}
{% macro default__get_powers_of_two(upper_bound) %}
  {% if upper_bound <= 0 %}
    {{ exceptions.raise_compiler_error("upper bound must be positive") }}
  {% endif %}
  {% for bits in range(1, 100) if upper_bound <= 2 ** bits %}
    {{ return(bits) }}
  {% endfor %}
{% endmacro %}

{% macro generate_series(upper_bound) %}{{ return(adapter.dispatch('generate_series', 'dbt')(upper_bound)) }}{% endmacro %}
{% macro default__generate_series(upper_bound) %}
  {% set terms = [] %}
  {% set tables = [] %}
  {% for bit in range(dbt.get_powers_of_two(upper_bound)) %}
    {% do terms.append('p' ~ bit ~ '.generated_number * power(2, ' ~ bit ~ ')') %}
    {% do tables.append('p as p' ~ bit) %}
  {% endfor %}
  with p as (
    select 0 as generated_number union all select 1
  ), unioned as (
    select
    {{ terms | join(' + ') }}
    + 1
    as generated_number
    from
    {{ tables | join(' cross join ') }}
  )
  select *
  from unioned
  where generated_number <= {{ upper_bound }}
  order by generated_number
{% endmacro %}

{% macro get_intervals_between(start_date, end_date, datepart) -%}
  {{ return(adapter.dispatch('get_intervals_between', 'dbt')(start_date, end_date, datepart)) }}
{%- endmacro %}
{# Asks the database how long the span is; 1 while nothing can be asked. #}
{% macro default__get_intervals_between(start_date, end_date, datepart) -%}
  {%- call statement('get_intervals_between', fetch_result=True) -%}
    select {{ dbt.datediff(start_date, end_date, datepart) }}
  {%- endcall -%}
  {%- set answer = load_result('get_intervals_between') -%}
  {{ return(answer['data'][0][0] if answer and answer['data'] else 1) }}
{%- endmacro %}

{% macro date_spine(datepart, start_date, end_date) %}
  {{ return(adapter.dispatch('date_spine', 'dbt')(datepart, start_date, end_date)) }}
{%- endmacro %}
{% macro default__date_spine(datepart, start_date, end_date) %}
  {% set day = 'date_' ~ datepart %}
  with rawdata as (
    {{ dbt.generate_series(dbt.get_intervals_between(start_date, end_date, datepart)) }}
  ),
  all_periods as (
    select (
      {{ dbt.dateadd(datepart, 'row_number() over (order by 1) - 1', start_date) }}
    ) as {{ day }}
    from rawdata
  ),
  filtered as (
    select *
    from all_periods
    where {{ day }} <= {{ end_date }}
  )
  select * from filtered
{% endmacro %}

{# ── The present time ────────────────────────────────────────────────────── #}

{%- macro current_timestamp() -%}{{ adapter.dispatch('current_timestamp', 'dbt')() }}{%- endmacro -%}
{% macro default__current_timestamp() -%}
  {{ exceptions.raise_not_implemented('current_timestamp macro not implemented for adapter ' ~ adapter.type()) }}
{%- endmacro %}

{% macro current_timestamp_backcompat() %}{{ return(adapter.dispatch('current_timestamp_backcompat', 'dbt')()) }}{% endmacro %}
{% macro default__current_timestamp_backcompat() %}current_timestamp::timestamp{% endmacro %}

{% macro current_timestamp_in_utc_backcompat() %}
  {{ return(adapter.dispatch('current_timestamp_in_utc_backcompat', 'dbt')()) }}
{% endmacro %}
{% macro default__current_timestamp_in_utc_backcompat() %}
  {{ return(adapter.dispatch('current_timestamp_backcompat', 'dbt')()) }}
{% endmacro %}

{%- macro snapshot_get_time() -%}{{ adapter.dispatch('snapshot_get_time', 'dbt')() }}{%- endmacro -%}
{% macro default__snapshot_get_time() %}
  {{ current_timestamp() }}
{% endmacro %}

{% macro get_snapshot_get_time_data_type() %}
  {% set found = get_column_schema_from_query('select ' ~ adapter.dispatch('snapshot_get_time', 'dbt')() ~ ' as dbt_snapshot_time') %}
  {{ return(found[0].dtype or none) }}
{% endmacro %}

{# ── Dates in Python ─────────────────────────────────────────────────────── #}

{% macro convert_datetime(date_str, date_fmt) %}
  {% set complaint = "The provided partition date '" ~ date_str ~ "' does not match the expected format '" ~ date_fmt ~ "'" %}
  {{ return(try_or_compiler_error(complaint, modules.datetime.datetime.strptime, date_str.strip(), date_fmt)) }}
{% endmacro %}

{# Both ends belong to the range; an empty `out_fmt` gives datetimes instead of texts. #}
{% macro dates_in_range(start_date_str, end_date_str=none, in_fmt="%Y%m%d", out_fmt="%Y%m%d") %}
  {% set first = convert_datetime(start_date_str, in_fmt) %}
  {% set last = convert_datetime(start_date_str if end_date_str is none else end_date_str, in_fmt) %}
  {% set days = (last - first).days %}
  {% if days < 0 %}
    {% set complaint = 'Partition start date is after the end date (' ~ first ~ ', ' ~ last ~ ')' %}
    {{ exceptions.raise_compiler_error(complaint, model) }}
  {% endif %}
  {% set dates = [] %}
  {% for n in range(days + 1) %}
    {% set date = first + modules.datetime.timedelta(days=n) %}
    {% do dates.append(date.strftime(out_fmt) if out_fmt else date) %}
  {% endfor %}
  {{ return(dates) }}
{% endmacro %}

{% macro partition_range(raw_partition_date, date_fmt='%Y%m%d') %}
  {% set ends = (raw_partition_date | string).split(',') %}
  {% if ends | length > 2 %}
    {{ exceptions.raise_compiler_error(
      "Invalid partition time. Expected format: {Start Date}[,{End Date}]. Got: " ~ raw_partition_date
    ) }}
  {% endif %}
  {{ return(dates_in_range(ends[0], ends[1] if ends | length == 2 else none, in_fmt=date_fmt)) }}
{% endmacro %}

{% macro py_current_timestring() %}
  {% do return(modules.datetime.datetime.now().strftime('%Y%m%d%H%M%S%f')) %}
{% endmacro %}

{# ── Configs and flags ───────────────────────────────────────────────────── #}

{% macro is_core_v2() -%}{{ return(dbt_version.split('.')[0] | int == 2) }}{%- endmacro %}

{% macro is_incremental() %}
  {% if not execute %}{{ return(False) }}{% endif %}
  {% set built = adapter.get_relation(this.database, this.schema, this.table) %}
  {{ return(
    built is not none and built.type == 'table' and model.config.materialized == 'incremental' and not should_full_refresh()
  ) }}
{% endmacro %}

{% macro set_sql_header(config) -%}{{ config.set('sql_header', caller()) }}{%- endmacro %}

{% macro should_full_refresh() %}
  {% set wish = config.get('full_refresh') %}
  {% do return(flags.FULL_REFRESH if wish is none else wish) %}
{% endmacro %}

{% macro should_store_failures() %}
  {% set wish = config.get('store_failures') %}
  {% do return(flags.STORE_FAILURES if wish is none else wish) %}
{% endmacro %}

{# ── Statements and hooks ────────────────────────────────────────────────── #}

{# Nothing is rendered, let alone run, while parsing. #}
{%- macro statement(name=None, fetch_result=False, auto_begin=True, language='sql') -%}
  {%- if execute -%}
    {%- set code = caller() -%}
    {%- if name == 'main' -%}
      {{ log('Writing runtime ' ~ language ~ ' for node "' ~ model['unique_id'] ~ '"') }}
      {{ write(code) }}
    {%- endif -%}
    {%- if language == 'sql' -%}
      {%- set response, table = adapter.execute(code, auto_begin=auto_begin, fetch=fetch_result) -%}
    {%- elif language == 'python' -%}
      {%- set response = submit_python_job(model, code) -%}
      {%- set table = none -%}
    {%- else -%}
      {% do exceptions.raise_compiler_error("statement macro didn't get supported language") %}
    {%- endif -%}
    {%- if name is not none -%}{{ store_result(name, response=response, agate_table=table) }}{%- endif -%}
  {%- endif -%}
{%- endmacro %}

{% macro noop_statement(name=None, message=None, code=None, rows_affected=None, res=None) -%}
  {%- set text = caller() -%}
  {%- if name == 'main' -%}
    {{ log('Writing runtime SQL for node "' ~ model['unique_id'] ~ '"') }}
    {{ write(text) }}
  {%- endif -%}
  {%- if name is not none -%}
    {{ store_raw_result(name, message=message, code=code, rows_affected=rows_affected, agate_table=res) }}
  {%- endif -%}
{%- endmacro %}

{# While parsing there is no result, so this is undefined, and asking it for anything fails as it does in dbt. #}
{% macro run_query(sql) %}
  {% call statement('run_query_statement', fetch_result=true, auto_begin=false) %}
    {{ sql }}
  {% endcall %}
  {% do return(load_result('run_query_statement').table) %}
{% endmacro %}

{% macro validate_sql(sql) -%}{{ return(adapter.dispatch('validate_sql', 'dbt')(sql)) }}{% endmacro %}
{% macro default__validate_sql(sql) -%}
  {% call statement('validate_sql') -%}explain {{ sql }}{% endcall %}
  {{ return(load_result('validate_sql')) }}
{% endmacro %}

{% macro make_hook_config(sql, inside_transaction) %}{{ tojson({'sql': sql, 'transaction': inside_transaction}) }}{% endmacro %}
{% macro before_begin(sql) %}{{ make_hook_config(sql, inside_transaction=False) }}{% endmacro %}
{% macro in_transaction(sql) %}{{ make_hook_config(sql, inside_transaction=True) }}{% endmacro %}
{% macro after_commit(sql) %}{{ make_hook_config(sql, inside_transaction=False) }}{% endmacro %}

{% macro run_hooks(hooks, inside_transaction=True) %}
  {% for hook in hooks | selectattr('transaction', 'equalto', inside_transaction) %}
    {% if loop.first and not inside_transaction %}
      {% call statement(auto_begin=inside_transaction) %}
        commit;
      {% endcall %}
    {% endif %}
    {% set text = render(hook.get('sql')) | trim %}
    {% if text %}
      {% call statement(auto_begin=inside_transaction) %}
        {{ text }}
      {% endcall %}
    {% endif %}
  {% endfor %}
{% endmacro %}

{# ── Queries around a query ──────────────────────────────────────────────── #}

{% macro get_show_sql(compiled_code, sql_header, limit) -%}
  {%- if sql_header is not none -%}
  {{ sql_header }}
  {%- endif %}
  {{ get_limit_subquery_sql(compiled_code, limit) }}
{% endmacro %}

{%- macro get_limit_subquery_sql(sql, limit) -%}{{ adapter.dispatch('get_limit_sql', 'dbt')(sql, limit) }}{%- endmacro -%}
{% macro default__get_limit_sql(sql, limit) %}
  {{ sql }}
  {% if limit is not none %}
  limit {{ limit }}
  {%- endif -%}
{% endmacro %}

{% macro get_empty_subquery_sql(select_sql, select_sql_header=none) -%}
  {{ return(adapter.dispatch('get_empty_subquery_sql', 'dbt')(select_sql, select_sql_header)) }}
{% endmacro %}
{% macro default__get_empty_subquery_sql(select_sql, select_sql_header=none) %}
  {%- if select_sql_header is not none -%}
  {{ select_sql_header }}
  {%- endif -%}
  select * from (
    {{ select_sql }}
  ) as __dbt_sbq
  where false
  limit 0
{% endmacro %}

{% macro get_empty_schema_sql(columns) -%}{{ return(adapter.dispatch('get_empty_schema_sql', 'dbt')(columns)) }}{% endmacro %}
{# A column of a contract needs a type, and a number without precision deserves a warning. #}
{% macro default__get_empty_schema_sql(columns) %}
  {%- set untyped = [] -%}
  {%- set vague = [] -%}
  {%- set nulls = [] -%}
  {%- for column in columns.values() -%}
    {%- if column['data_type'] is not defined -%}
      {%- do untyped.append(column['name']) -%}
    {%- elif column['data_type'].strip().lower() in ['numeric', 'decimal', 'number'] -%}
      {%- do vague.append(column['name']) -%}
    {%- endif -%}
    {%- set name = adapter.quote(column['name']) if column.get('quote') else column['name'] -%}
    {%- do nulls.append(cast('null', column['data_type']) ~ ' as ' ~ name) -%}
  {%- endfor -%}
  select
  {{ nulls | join(', ') }}
  {%- if untyped -%}
    {{ exceptions.column_type_missing(column_names=untyped) }}
  {%- elif vague -%}
    {{ exceptions.warn(
      'Detected columns with numeric type and unspecified precision/scale, this can lead to unintended rounding: ' ~ vague ~ '`'
    ) }}
  {%- endif -%}
{% endmacro %}

{% macro get_column_schema_from_query(select_sql, select_sql_header=none) -%}
  {{ return(adapter.get_column_schema_from_query(get_empty_subquery_sql(select_sql, select_sql_header))) }}
{% endmacro %}

{% macro get_columns_in_query(select_sql) -%}{{ return(adapter.dispatch('get_columns_in_query', 'dbt')(select_sql)) }}{% endmacro %}
{% macro default__get_columns_in_query(select_sql) %}
  {% call statement('get_columns_in_query', fetch_result=True, auto_begin=False) -%}
    {{ get_empty_subquery_sql(select_sql) }}
  {% endcall %}
  {{ return(load_result('get_columns_in_query').table.columns | map(attribute='name') | list) }}
{% endmacro %}

{# ── Generic tests ───────────────────────────────────────────────────────── #}

{% test unique(model, column_name) %}
  {{ adapter.dispatch('test_unique', 'dbt')(model, column_name) }}
{% endtest %}

{% macro default__test_unique(model, column_name) %}
  select
    {{ column_name }} as unique_field,
    count(*) as n_records
  from {{ model }}
  where {{ column_name }} is not null
  group by {{ column_name }}
  having count(*) > 1
{% endmacro %}

{% test not_null(model, column_name) %}
  {{ adapter.dispatch('test_not_null', 'dbt')(model, column_name) }}
{% endtest %}

{% macro default__test_not_null(model, column_name) %}
  select {{ '*' if should_store_failures() else column_name }}
  from {{ model }}
  where {{ column_name }} is null
{% endmacro %}

{% test accepted_values(model, column_name, values, quote=True) %}
  {{ adapter.dispatch('test_accepted_values', 'dbt')(model, column_name, values, quote) }}
{% endtest %}

{% macro default__test_accepted_values(model, column_name, values, quote=True) %}
  {% set mark = "'" if quote else '' %}
  with all_values as (
    select
      {{ column_name }} as value_field,
      count(*) as n_records
    from {{ model }}
    group by {{ column_name }}
  )
  select *
  from all_values
  where value_field not in (
    {% for value in values %}{{ mark ~ value ~ mark }}{{ ',' if not loop.last }}{% endfor %}
  )
{% endmacro %}

{% test relationships(model, column_name, to, field) %}
  {{ adapter.dispatch('test_relationships', 'dbt')(model, column_name, to, field) }}
{% endtest %}

{% macro default__test_relationships(model, column_name, to, field) %}
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
{% endmacro %}

{% macro get_where_subquery(relation) -%}{% do return(adapter.dispatch('get_where_subquery', 'dbt')(relation)) %}{%- endmacro %}
{% macro default__get_where_subquery(relation) -%}
  {% set where = config.get('where', '') %}
  {% do return('(select * from ' ~ relation ~ ' where ' ~ where ~ ') dbt_subquery' if where else relation) %}
{%- endmacro %}

{% macro get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) -%}
  {{ adapter.dispatch('get_test_sql', 'dbt')(main_sql, fail_calc, warn_if, error_if, limit) }}
{%- endmacro %}
{% macro default__get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) -%}
  select
    {{ fail_calc }} as failures,
    {{ fail_calc }} {{ warn_if }} as should_warn,
    {{ fail_calc }} {{ error_if }} as should_error
  from (
    {{ main_sql }}
    {{ 'limit ' ~ limit if limit != none }}
  ) dbt_internal_test
{%- endmacro %}

{# ── Unit tests ──────────────────────────────────────────────────────────── #}

{% macro get_unit_test_sql(main_sql, expected_fixture_sql, expected_column_names) -%}
  {{ adapter.dispatch('get_unit_test_sql', 'dbt')(main_sql, expected_fixture_sql, expected_column_names) }}
{%- endmacro %}
{% macro default__get_unit_test_sql(main_sql, expected_fixture_sql, expected_column_names) -%}
-- Build actual result given inputs
with dbt_internal_unit_test_actual as (
  select
    {{ expected_column_names | join(',') }}, {{ dbt.string_literal('actual') }} as {{ adapter.quote('actual_or_expected') }}
  from (
    {{ main_sql }}
  ) _dbt_internal_unit_test_actual
),
-- Build expected result
dbt_internal_unit_test_expected as (
  select
    {{ expected_column_names | join(', ') }}, {{ dbt.string_literal('expected') }} as {{ adapter.quote('actual_or_expected') }}
  from (
    {{ expected_fixture_sql }}
  ) _dbt_internal_unit_test_expected
)
-- Union actual and expected results
select * from dbt_internal_unit_test_actual
union all
select * from dbt_internal_unit_test_expected
{%- endmacro %}

{# The given rows over a row of typed nulls; without column types they are read from the relation. #}
{% macro get_fixture_sql(rows, column_name_to_data_types) %}
-- Fixture for {{ model.name }}
{% set nulls = {} %}
{%- if not column_name_to_data_types -%}
  {%- set column_name_to_data_types = {} -%}
  {%- set column_name_to_quoted = {} -%}
  {%- set known = defer_relation if defer_relation and not load_relation(this) else this -%}
  {%- for column in adapter.get_columns_in_relation(known) -%}
    {%- do column_name_to_data_types.update({column.name | lower: column.data_type}) -%}
    {%- do column_name_to_quoted.update({column.name | lower: column.quoted}) -%}
  {%- endfor -%}
  {%- if not column_name_to_data_types -%}
    {{ exceptions.raise_compiler_error(
      "Not able to get columns for unit test '" ~ model.name ~ "' from relation " ~ this ~ " because the relation doesn't exist"
    ) }}
  {%- endif -%}
{%- endif -%}
{%- for name, type in column_name_to_data_types.items() -%}
  {%- do nulls.update({name: safe_cast('null', type) | trim}) -%}
{%- endfor -%}
{{ validate_fixture_rows(rows, row_number) }}
{%- for row in rows -%}
  {%- set cells = nulls.copy() -%}
  {%- do cells.update(format_row(row, column_name_to_data_types)) -%}
select
  {%- for name, cell in cells.items() %} {{ cell }} as {{ column_name_to_quoted[name] }}{{ ', ' if not loop.last }}{% endfor %}
  {%- if not loop.last %}
union all
{%    endif %}
{%- else -%}
    select
  {%- for name, cell in nulls.items() %} {{ cell }} as {{ column_name_to_quoted[name] }}{{ ',' if not loop.last }}{% endfor %}
    limit 0
{%- endfor -%}
{% endmacro %}

{% macro get_expected_sql(rows, column_name_to_data_types, column_name_to_quoted) %}
{%- for row in rows -%}
select
  {%- for name, cell in format_row(row, column_name_to_data_types).items() %} {{ cell }} as {{ column_name_to_quoted[name] }}
    {{- ', ' if not loop.last }}
  {%- endfor %}
  {%- if not loop.last %}
union all
{% endif %}
{%- else -%}
    select * from dbt_internal_unit_test_actual
    limit 0
{%- endfor -%}
{% endmacro %}

{# Texts are quoted and every cell is cast; a sized varchar would cut a long text, so its size goes. #}
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
      {%- set type = type.split('(')[0] if 'varying' in type else type -%}
      {%- set value = dbt.string_literal(dbt.escape_single_quotes(value)) -%}
    {%- elif value is none -%}
      {%- set value = 'null' -%}
    {%- endif -%}
    {%- do cells.update({name: safe_cast(value, type)}) -%}
  {%- endfor -%}
  {{ return(cells) }}
{%- endmacro -%}

{%- macro validate_fixture_rows(rows, row_number) -%}
  {{ return(adapter.dispatch('validate_fixture_rows', 'dbt')(rows, row_number)) }}
{%- endmacro -%}
{%- macro default__validate_fixture_rows(rows, row_number) -%}{%- endmacro -%}

{# ── Python models ───────────────────────────────────────────────────────── #}

{% macro resolve_model_name(input_model_name) %}{{ return(adapter.dispatch('resolve_model_name', 'dbt')(input_model_name)) }}{% endmacro %}
{%- macro default__resolve_model_name(input_model_name) -%}{{ input_model_name | string | replace('"', '\"') }}{%- endmacro -%}

{# A project's own `ref` may give a text; a relation is rendered so that no limit of --sample or --empty goes in. #}
{% macro build_ref_function(model) %}
  {%- set refs = {} -%}
  {%- for asked in model.refs -%}
    {%- set key = [asked.get('package'), asked['name']] if asked.get('package') else [asked['name']] -%}
    {%- set found = ref(*key, v=asked.get('version')) -%}
    {%- if found.render is defined and found.render is callable -%}{%- set found = found.render() -%}{%- endif -%}
    {%- if asked.get('version') -%}{%- do key.append('v' ~ asked['version']) -%}{%- endif -%}
    {%- do refs.update({key | join('.'): resolve_model_name(found)}) -%}
  {%- endfor %}

def ref(*args, **kwargs):
    refs = {{ refs | tojson }}
    key = '.'.join(args)
    version = kwargs.get("v") or kwargs.get("version")
    if version:
        key += f".v{version}"
    dbt_load_df_function = kwargs.get("dbt_load_df_function")
    return dbt_load_df_function(refs[key])

{% endmacro %}

{% macro build_source_function(model) %}
  {%- set sources = {} -%}
  {%- for key in model.sources -%}
    {%- do sources.update({key | join('.'): resolve_model_name(source(*key))}) -%}
  {%- endfor %}

def source(*args, dbt_load_df_function):
    sources = {{ sources | tojson }}
    key = '.'.join(args)
    return dbt_load_df_function(sources[key])

{% endmacro %}

{# What the model's Python asked of its config, as dbt noted it while parsing the Python. #}
{% macro build_config_dict(model) %}
  {%- set configs = {} -%}
  {%- for key, default in zip(model.config.config_keys_used, model.config.config_keys_defaults) -%}
    {%- do configs.update({key: model.config.get(key, default)}) -%}
  {%- endfor -%}
  {%- set metas = {} -%}
  {%- if model.config.meta_keys_used -%}
    {%- for key, default in zip(model.config.meta_keys_used, model.config.meta_keys_defaults) -%}
      {%- do metas.update({key: (model.config.meta or {}).get(key, default)}) -%}
    {%- endfor -%}
  {%- endif -%}
config_dict = {{ configs }}
meta_dict = {{ metas }}
{% endmacro %}

{% macro py_script_postfix(model) %}
# This part is user provided model code
# you will need to copy the next section to run the code
# COMMAND ----------
# this part is dbt logic for get ref work, do not modify

{{ build_ref_function(model) }}
{{ build_source_function(model) }}
{{ build_config_dict(model) }}

class config:
    def __init__(self, *args, **kwargs):
        pass

    @staticmethod
    def get(key, default=None):
        return config_dict.get(key, default)

    @staticmethod
    def meta_get(key, default=None):
        return meta_dict.get(key, default)

class this:
    """dbt.this() or dbt.this.identifier"""
    database = "{{ this.database }}"
    schema = "{{ this.schema }}"
    identifier = "{{ this.identifier }}"
    def __repr__(self):
        return '{{ resolve_model_name(this) }}'


class dbtObj:
    def __init__(self, load_df_function) -> None:
        self.source = lambda *args: source(*args, dbt_load_df_function=load_df_function)
        self.ref = lambda *args, **kwargs: ref(*args, **kwargs, dbt_load_df_function=load_df_function)
        self.config = config
        self.this = this()
        self.is_incremental = {{ is_incremental() }}

# COMMAND ----------
{{ py_script_comment() }}
{% endmacro %}

{% macro py_script_comment() %}{% endmacro %}

{# ── Relations ───────────────────────────────────────────────────────────── #}

{% macro load_cached_relation(relation) %}
  {% do return(adapter.get_relation(database=relation.database, schema=relation.schema, identifier=relation.identifier)) %}
{% endmacro %}
{% macro load_relation(relation) %}{{ return(load_cached_relation(relation)) }}{% endmacro %}

{% macro get_or_create_relation(database, schema, identifier, type) -%}
  {{ return(adapter.dispatch('get_or_create_relation', 'dbt')(database, schema, identifier, type)) }}
{% endmacro %}
{# [whether the database has it, the relation] #}
{% macro default__get_or_create_relation(database, schema, identifier, type) %}
  {% set found = adapter.get_relation(database=database, schema=schema, identifier=identifier) %}
  {% if found %}{% do return([true, found]) %}{% endif %}
  {% do return([false, api.Relation.create(database=database, schema=schema, identifier=identifier, type=type)]) %}
{% endmacro %}

{# The batches of a microbatch model run side by side, so each has a temporary relation of its own. #}
{% macro make_temp_relation(base_relation, suffix='__dbt_tmp') %}
  {% set own = suffix ~ '_' ~ model.batch.id if suffix == '__dbt_tmp' and model.batch else suffix %}
  {{ return(adapter.dispatch('make_temp_relation', 'dbt')(base_relation, own)) }}
{% endmacro %}
{% macro default__make_temp_relation(base_relation, suffix) %}
  {{ return(base_relation.incorporate(path={'identifier': base_relation.identifier ~ suffix})) }}
{% endmacro %}

{% macro make_intermediate_relation(base_relation, suffix='__dbt_tmp') %}
  {{ return(adapter.dispatch('make_intermediate_relation', 'dbt')(base_relation, suffix)) }}
{% endmacro %}
{% macro default__make_intermediate_relation(base_relation, suffix) %}
  {{ return(default__make_temp_relation(base_relation, suffix)) }}
{% endmacro %}

{% macro make_backup_relation(base_relation, backup_relation_type, suffix='__dbt_backup') %}
  {{ return(adapter.dispatch('make_backup_relation', 'dbt')(base_relation, backup_relation_type, suffix)) }}
{% endmacro %}
{% macro default__make_backup_relation(base_relation, backup_relation_type, suffix) %}
  {{ return(base_relation.incorporate(path={'identifier': base_relation.identifier ~ suffix}, type=backup_relation_type)) }}
{% endmacro %}

{% macro truncate_relation(relation) -%}{{ return(adapter.dispatch('truncate_relation', 'dbt')(relation)) }}{% endmacro %}
{% macro default__truncate_relation(relation) -%}
  {% call statement('truncate_relation') -%}truncate table {{ relation.render() }}{%- endcall %}
{% endmacro %}

{% macro drop_relation(relation) -%}{{ return(adapter.dispatch('drop_relation', 'dbt')(relation)) }}{% endmacro %}
{% macro default__drop_relation(relation) -%}
  {% call statement('drop_relation', auto_begin=False) -%}{{ get_drop_sql(relation) }}{%- endcall %}
{% endmacro %}
{% macro drop_relation_if_exists(relation) %}{{ adapter.drop_relation(relation) if relation is not none }}{% endmacro %}

{% macro rename_relation(from_relation, to_relation) -%}
  {{ return(adapter.dispatch('rename_relation', 'dbt')(from_relation, to_relation)) }}
{% endmacro %}
{% macro default__rename_relation(from_relation, to_relation) -%}
  {% call statement('rename_relation') -%}
    alter table {{ from_relation.render() }} rename to {{ adapter.quote_as_configured(to_relation.identifier, 'identifier') }}
  {%- endcall %}
{% endmacro %}

{% macro create_schema(relation) -%}{{ adapter.dispatch('create_schema', 'dbt')(relation) }}{% endmacro %}
{% macro default__create_schema(relation) -%}
  {%- call statement('create_schema') -%}create schema if not exists {{ relation.without_identifier() }}{% endcall %}
{% endmacro %}

{% macro drop_schema(relation) -%}{{ adapter.dispatch('drop_schema', 'dbt')(relation) }}{% endmacro %}
{% macro default__drop_schema(relation) -%}
  {%- call statement('drop_schema') -%}drop schema if exists {{ relation.without_identifier() }} cascade{% endcall %}
{% endmacro %}

{% macro drop_schema_named(schema_name) %}{{ return(adapter.dispatch('drop_schema_named', 'dbt')(schema_name)) }}{% endmacro %}
{% macro default__drop_schema_named(schema_name) %}{{ adapter.drop_schema(api.Relation.create(schema=schema_name)) }}{% endmacro %}

{# ── Statements by the kind of a relation ────────────────────────────────── #}

{%- macro get_create_sql(relation, sql) -%}
  {{- log('Applying CREATE to: ' ~ relation) -}}
  {{- adapter.dispatch('get_create_sql', 'dbt')(relation, sql) -}}
{%- endmacro -%}
{%- macro default__get_create_sql(relation, sql) -%}
  {%- if relation.is_view -%}{{ get_create_view_as_sql(relation, sql) }}
  {%- elif relation.is_table -%}{{ get_create_table_as_sql(False, relation, sql) }}
  {%- elif relation.is_materialized_view -%}{{ get_create_materialized_view_as_sql(relation, sql) }}
  {%- else -%}{{- exceptions.raise_compiler_error('`get_create_sql` has not been implemented for: ' ~ relation.type) -}}
  {%- endif -%}
{%- endmacro -%}

{%- macro get_drop_sql(relation) -%}
  {{- log('Applying DROP to: ' ~ relation) -}}
  {{- adapter.dispatch('get_drop_sql', 'dbt')(relation) -}}
{%- endmacro -%}
{%- macro default__get_drop_sql(relation) -%}
  {%- if relation.is_view -%}{{ drop_view(relation) }}
  {%- elif relation.is_table -%}{{ drop_table(relation) }}
  {%- elif relation.is_materialized_view -%}{{ drop_materialized_view(relation) }}
  {%- else -%}drop {{ relation.type }} if exists {{ relation.render() }} cascade
  {%- endif -%}
{%- endmacro -%}

{% macro drop_table(relation) -%}{{- adapter.dispatch('drop_table', 'dbt')(relation) -}}{%- endmacro %}
{% macro default__drop_table(relation) -%}drop table if exists {{ relation.render() }} cascade{%- endmacro %}
{% macro drop_view(relation) -%}{{- adapter.dispatch('drop_view', 'dbt')(relation) -}}{%- endmacro %}
{% macro default__drop_view(relation) -%}drop view if exists {{ relation.render() }} cascade{%- endmacro %}
{% macro drop_materialized_view(relation) -%}{{- adapter.dispatch('drop_materialized_view', 'dbt')(relation) -}}{%- endmacro %}
{% macro default__drop_materialized_view(relation) -%}drop materialized view if exists {{ relation.render() }} cascade{%- endmacro %}

{%- macro get_rename_sql(relation, new_name) -%}
  {{- log('Applying RENAME to: ' ~ relation) -}}
  {{- adapter.dispatch('get_rename_sql', 'dbt')(relation, new_name) -}}
{%- endmacro -%}
{%- macro default__get_rename_sql(relation, new_name) -%}
  {%- if relation.is_view -%}{{ get_rename_view_sql(relation, new_name) }}
  {%- elif relation.is_table -%}{{ get_rename_table_sql(relation, new_name) }}
  {%- elif relation.is_materialized_view -%}{{ get_rename_materialized_view_sql(relation, new_name) }}
  {%- else -%}{{- exceptions.raise_compiler_error('`get_rename_sql` has not been implemented for: ' ~ relation.type) -}}
  {%- endif -%}
{%- endmacro -%}

{% macro get_rename_table_sql(relation, new_name) %}
  {{- adapter.dispatch('get_rename_table_sql', 'dbt')(relation, new_name) -}}
{% endmacro %}
{% macro default__get_rename_table_sql(relation, new_name) %}
  {{ exceptions.raise_compiler_error('`get_rename_table_sql` has not been implemented for this adapter.') }}
{% endmacro %}
{% macro get_rename_view_sql(relation, new_name) %}{{- adapter.dispatch('get_rename_view_sql', 'dbt')(relation, new_name) -}}{% endmacro %}
{% macro default__get_rename_view_sql(relation, new_name) %}
  {{ exceptions.raise_compiler_error('`get_rename_view_sql` has not been implemented for this adapter.') }}
{% endmacro %}
{% macro get_rename_materialized_view_sql(relation, new_name) %}
  {{- adapter.dispatch('get_rename_materialized_view_sql', 'dbt')(relation, new_name) -}}
{% endmacro %}
{% macro default__get_rename_materialized_view_sql(relation, new_name) %}
  {{ exceptions.raise_compiler_error('`get_rename_materialized_view_sql` has not been implemented for this adapter.') }}
{% endmacro %}

{% macro get_replace_table_sql(relation, sql) %}{{- adapter.dispatch('get_replace_table_sql', 'dbt')(relation, sql) -}}{% endmacro %}
{% macro default__get_replace_table_sql(relation, sql) %}
  {{ exceptions.raise_compiler_error('`get_replace_table_sql` has not been implemented for this adapter.') }}
{% endmacro %}
{% macro get_replace_view_sql(relation, sql) %}{{- adapter.dispatch('get_replace_view_sql', 'dbt')(relation, sql) -}}{% endmacro %}
{% macro default__get_replace_view_sql(relation, sql) %}
  {{ exceptions.raise_compiler_error('`get_replace_view_sql` has not been implemented for this adapter.') }}
{% endmacro %}
{% macro get_replace_materialized_view_sql(relation, sql) %}
  {{- adapter.dispatch('get_replace_materialized_view_sql', 'dbt')(relation, sql) -}}
{% endmacro %}
{% macro default__get_replace_materialized_view_sql(relation, sql) %}
  {{ exceptions.raise_compiler_error('`get_replace_materialized_view_sql` has not been implemented for this adapter.') }}
{% endmacro %}

{%- macro get_create_backup_sql(relation) -%}
  {{- log('Applying CREATE BACKUP to: ' ~ relation) -}}
  {{- adapter.dispatch('get_create_backup_sql', 'dbt')(relation) -}}
{%- endmacro -%}
{%- macro default__get_create_backup_sql(relation) -%}
    -- get the standard backup name
    {% set backup = make_backup_relation(relation, relation.type) %}
    -- drop any pre-existing backup
    {{ get_drop_sql(backup) }};
    {{ get_rename_sql(relation, backup.identifier) }}
{%- endmacro -%}

{%- macro get_drop_backup_sql(relation) -%}
  {{- log('Applying DROP BACKUP to: ' ~ relation) -}}
  {{- adapter.dispatch('get_drop_backup_sql', 'dbt')(relation) -}}
{%- endmacro -%}
{%- macro default__get_drop_backup_sql(relation) -%}
    -- get the standard backup name
    {{ get_drop_sql(make_backup_relation(relation, relation.type)) }}
{%- endmacro -%}

{%- macro get_create_intermediate_sql(relation, sql) -%}
  {{- log('Applying CREATE INTERMEDIATE to: ' ~ relation) -}}
  {{- adapter.dispatch('get_create_intermediate_sql', 'dbt')(relation, sql) -}}
{%- endmacro -%}
{%- macro default__get_create_intermediate_sql(relation, sql) -%}
    -- get the standard intermediate name
    {% set intermediate = make_intermediate_relation(relation) %}
    -- drop any pre-existing intermediate
    {{ get_drop_sql(intermediate) }};
    {{ get_create_sql(intermediate, sql) }}
{%- endmacro -%}

{%- macro get_rename_intermediate_sql(relation) -%}
  {{- log('Applying RENAME INTERMEDIATE to: ' ~ relation) -}}
  {{- adapter.dispatch('get_rename_intermediate_sql', 'dbt')(relation) -}}
{%- endmacro -%}
{%- macro default__get_rename_intermediate_sql(relation) -%}
    -- get the standard intermediate name
    {{ get_rename_sql(make_intermediate_relation(relation), relation.identifier) }}
{%- endmacro -%}

{# ── Tables and views ────────────────────────────────────────────────────── #}

{% macro get_create_table_as_sql(temporary, relation, sql) -%}
  {{ adapter.dispatch('get_create_table_as_sql', 'dbt')(temporary, relation, sql) }}
{%- endmacro %}
{% macro default__get_create_table_as_sql(temporary, relation, sql) -%}{{ return(create_table_as(temporary, relation, sql)) }}{% endmacro %}

{# An adapter that knows SQL only has no fourth parameter. #}
{% macro create_table_as(temporary, relation, compiled_code, language='sql') -%}
  {% set make = adapter.dispatch('create_table_as', 'dbt') %}
  {{ make(temporary, relation, compiled_code) if language == 'sql' else make(temporary, relation, compiled_code, language) }}
{%- endmacro %}
{% macro default__create_table_as(temporary, relation, sql) -%}
  {{ config.get('sql_header', none) or '' }}
  create {{ 'temporary' if temporary }} table
    {{ relation.include(database=(not temporary), schema=(not temporary)) }}
  {% if config.get('contract').enforced and not temporary %}
    {{ get_assert_columns_equivalent(sql) }}
    {{ get_table_columns_and_constraints() }}
    {%- set sql = get_select_subquery(sql) %}
  {% endif %}
  as (
    {{ sql }}
  );
{%- endmacro %}

{% macro get_select_subquery(sql) %}{{ return(adapter.dispatch('get_select_subquery', 'dbt')(sql)) }}{% endmacro %}
{% macro default__get_select_subquery(sql) %}
  select {{ adapter.dispatch('get_column_names', 'dbt')() }}
  from (
    {{ sql }}
  ) as model_subq
{%- endmacro %}
{% macro default__get_column_names() %}
  {%- for column in model['columns'].values() %}
    {{ adapter.quote(column['name']) if column.get('quote') else column['name'] }}{{ ', ' if not loop.last }}
  {%- endfor -%}
{% endmacro %}

{% macro get_create_view_as_sql(relation, sql) -%}{{ adapter.dispatch('get_create_view_as_sql', 'dbt')(relation, sql) }}{%- endmacro %}
{% macro default__get_create_view_as_sql(relation, sql) -%}{{ return(create_view_as(relation, sql)) }}{% endmacro %}
{% macro create_view_as(relation, sql) -%}{{ adapter.dispatch('create_view_as', 'dbt')(relation, sql) }}{%- endmacro %}
{% macro default__create_view_as(relation, sql) -%}
  {{ config.get('sql_header', none) or '' }}
  create view {{ relation.render() }}
    {{ get_assert_columns_equivalent(sql) if config.get('contract').enforced }}
  as (
    {{ sql }}
  );
{%- endmacro %}

{% macro handle_existing_table(full_refresh, old_relation) %}
  {{ adapter.dispatch('handle_existing_table', 'dbt')(full_refresh, old_relation) }}
{% endmacro %}
{% macro default__handle_existing_table(full_refresh, old_relation) %}
  {{ log('Dropping relation ' ~ old_relation.render() ~ ' because it is of type ' ~ old_relation.type) }}
  {{ adapter.drop_relation(old_relation) }}
{% endmacro %}

{% macro get_create_materialized_view_as_sql(relation, sql) -%}
  {{- adapter.dispatch('get_create_materialized_view_as_sql', 'dbt')(relation, sql) -}}
{%- endmacro %}
{% macro default__get_create_materialized_view_as_sql(relation, sql) -%}
  {{ exceptions.raise_compiler_error('`get_create_materialized_view_as_sql` has not been implemented for this adapter.') }}
{% endmacro %}

{% macro get_alter_materialized_view_as_sql(
  relation, configuration_changes, sql, existing_relation, backup_relation, intermediate_relation
) %}
  {{- log('Applying ALTER to: ' ~ relation) -}}
  {{- adapter.dispatch('get_alter_materialized_view_as_sql', 'dbt')(
    relation, configuration_changes, sql, existing_relation, backup_relation, intermediate_relation
  ) -}}
{% endmacro %}
{% macro default__get_alter_materialized_view_as_sql(
  relation, configuration_changes, sql, existing_relation, backup_relation, intermediate_relation
) %}
  {{ exceptions.raise_compiler_error('Materialized views have not been implemented for this adapter.') }}
{% endmacro %}

{% macro get_materialized_view_configuration_changes(existing_relation, new_config) %}
  {{- log('Determining configuration changes on: ' ~ existing_relation) -}}
  {%- do return(adapter.dispatch('get_materialized_view_configuration_changes', 'dbt')(existing_relation, new_config)) -%}
{% endmacro %}
{% macro default__get_materialized_view_configuration_changes(existing_relation, new_config) %}
  {{ exceptions.raise_compiler_error('Materialized views have not been implemented for this adapter.') }}
{% endmacro %}

{% macro refresh_materialized_view(relation) %}
  {{- log('Applying REFRESH to: ' ~ relation) -}}
  {{- adapter.dispatch('refresh_materialized_view', 'dbt')(relation) -}}
{% endmacro %}
{% macro default__refresh_materialized_view(relation) %}
  {{ exceptions.raise_compiler_error('`refresh_materialized_view` has not been implemented for this adapter.') }}
{% endmacro %}

{% macro can_clone_table() %}{{ return(adapter.dispatch('can_clone_table', 'dbt')()) }}{% endmacro %}
{% macro default__can_clone_table() %}{{ return(False) }}{% endmacro %}
{% macro create_or_replace_clone(this_relation, defer_relation) %}
  {{ return(adapter.dispatch('create_or_replace_clone', 'dbt')(this_relation, defer_relation)) }}
{% endmacro %}
{% macro default__create_or_replace_clone(this_relation, defer_relation) %}
  create or replace table {{ this_relation.render() }} clone {{ defer_relation.render() }}
{% endmacro %}

{# ── Columns and contracts ───────────────────────────────────────────────── #}

{% macro get_columns_in_relation(relation) -%}{{ return(adapter.dispatch('get_columns_in_relation', 'dbt')(relation)) }}{% endmacro %}
{% macro default__get_columns_in_relation(relation) -%}
  {{ exceptions.raise_not_implemented('get_columns_in_relation macro not implemented for adapter ' ~ adapter.type()) }}
{% endmacro %}

{% macro sql_convert_columns_in_relation(table) -%}
  {% set columns = [] %}
  {% for row in table %}{% do columns.append(api.Column(*row)) %}{% endfor %}
  {{ return(columns) }}
{% endmacro %}

{%- macro get_list_of_column_names(columns) -%}{{ return(columns | map(attribute='name') | list) }}{% endmacro %}

{% macro get_quoted_csv(column_names) %}
  {% set quoted = [] %}
  {% for name in column_names %}{% do quoted.append(adapter.quote(name)) %}{% endfor %}
  {{ return(quoted | join(', ')) }}
{% endmacro %}

{% macro diff_columns(source_columns, target_columns) %}
  {{ return(source_columns | rejectattr('name', 'in', target_columns | map(attribute='column') | list) | list) }}
{% endmacro %}

{% macro diff_column_data_types(source_columns, target_columns) %}
  {{ return(adapter.dispatch('diff_column_data_types', 'dbt')(source_columns, target_columns)) }}
{% endmacro %}
{% macro default__diff_column_data_types(source_columns, target_columns) %}
  {% set changes = [] %}
  {% for new in source_columns %}
    {% set old = target_columns | selectattr('name', 'equalto', new.name) | list | first %}
    {% if old and new.expanded_data_type != old.expanded_data_type and not new.can_expand_to(other_column=old) %}
      {% do changes.append({'column_name': old.name, 'new_type': new.expanded_data_type}) %}
    {% endif %}
  {% endfor %}
  {{ return(changes) }}
{% endmacro %}

{% macro get_merge_update_columns(merge_update_columns, merge_exclude_columns, dest_columns) %}
  {{ return(adapter.dispatch('get_merge_update_columns', 'dbt')(merge_update_columns, merge_exclude_columns, dest_columns)) }}
{% endmacro %}
{% macro default__get_merge_update_columns(merge_update_columns, merge_exclude_columns, dest_columns) %}
  {% if merge_update_columns and merge_exclude_columns %}
    {{ exceptions.raise_compiler_error(
      'Model cannot specify merge_update_columns and merge_exclude_columns. Please update model to use only one config'
    ) }}
  {% endif %}
  {% if merge_update_columns %}{{ return(merge_update_columns) }}{% endif %}
  {% set excluded = merge_exclude_columns | map('lower') | list if merge_exclude_columns else [] %}
  {% set wanted = [] %}
  {% for column in dest_columns if column.column | lower not in excluded %}{% do wanted.append(column.quoted) %}{% endfor %}
  {{ return(wanted) }}
{% endmacro %}

{% macro alter_column_type(relation, column_name, new_column_type) -%}
  {{ return(adapter.dispatch('alter_column_type', 'dbt')(relation, column_name, new_column_type)) }}
{% endmacro %}
{# A new column takes the values and then the old one's name. #}
{% macro default__alter_column_type(relation, column_name, new_column_type) -%}
  {%- set old = adapter.quote(column_name) -%}
  {%- set new = adapter.quote(column_name + '__dbt_alter') -%}
  {% call statement('alter_column_type') %}
    alter table {{ relation.render() }} add column {{ new }} {{ new_column_type }};
    update {{ relation.render() }} set {{ new }} = {{ old }};
    alter table {{ relation.render() }} drop column {{ old }} cascade;
    alter table {{ relation.render() }} rename column {{ new }} to {{ old }}
  {% endcall %}
{% endmacro %}

{% macro alter_relation_add_remove_columns(relation, add_columns = none, remove_columns = none) -%}
  {{ return(adapter.dispatch('alter_relation_add_remove_columns', 'dbt')(relation, add_columns, remove_columns)) }}
{% endmacro %}
{% macro default__alter_relation_add_remove_columns(relation, add_columns, remove_columns) %}
  {% set changes = [] %}
  {% for column in add_columns or [] %}
    {% do changes.append('add column ' ~ column.quoted ~ ' ' ~ column.expanded_data_type) %}
  {% endfor %}
  {% for column in remove_columns or [] %}{% do changes.append('drop column ' ~ column.quoted) %}{% endfor %}
  {% do run_query('alter ' ~ relation.type ~ ' ' ~ relation.render() ~ ' ' ~ changes | join(', ')) %}
{% endmacro %}

{% macro create_columns(relation, columns) %}{{ adapter.dispatch('create_columns', 'dbt')(relation, columns) }}{% endmacro %}
{% macro default__create_columns(relation, columns) %}
  {% for column in columns %}
    {% call statement() %}
      alter table {{ relation.render() }} add column {{ adapter.quote(column.name) }} {{ column.expanded_data_type }};
    {% endcall %}
  {% endfor %}
{% endmacro %}

{%- macro get_table_columns_and_constraints() -%}{{ adapter.dispatch('get_table_columns_and_constraints', 'dbt')() }}{%- endmacro -%}
{% macro default__get_table_columns_and_constraints() -%}{{ return(table_columns_and_constraints()) }}{%- endmacro %}
{% macro table_columns_and_constraints() %}
  {%- set columns = adapter.render_raw_columns_constraints(raw_columns=model['columns']) -%}
  {%- set constraints = adapter.render_raw_model_constraints(raw_constraints=model['constraints']) -%}
  (
    {{ (columns + constraints) | join(', ') }}
  )
{% endmacro %}

{%- macro get_assert_columns_equivalent(sql) -%}{{ adapter.dispatch('get_assert_columns_equivalent', 'dbt')(sql) }}{%- endmacro -%}
{% macro default__get_assert_columns_equivalent(sql) -%}{{ return(assert_columns_equivalent(sql)) }}{%- endmacro %}
{# Compares by name and type what the query gives with what the contract promises. #}
{% macro assert_columns_equivalent(sql) %}
  {%- if not model['columns'] -%}
    {{ exceptions.raise_contract_error([], []) }}
  {%- endif -%}
  {%- set given = format_columns(get_column_schema_from_query(sql, config.get('sql_header', none))) -%}
  {%- set promised = format_columns(get_column_schema_from_query(get_empty_schema_sql(model['columns']))) -%}
  {%- if given | length != promised | length -%}
    {%- do exceptions.raise_contract_error(promised, given) -%}
  {%- endif -%}
  {%- for column in given -%}
    {%- set match = promised | selectattr('name', 'equalto', column['name']) | list | first -%}
    {%- if not match or match['formatted'] != column['formatted'] -%}
      {%- do exceptions.raise_contract_error(promised, given) -%}
    {%- endif -%}
  {%- endfor -%}
{% endmacro %}

{% macro format_columns(columns) %}
  {% set formatted = [] %}
  {% for column in columns %}{% do formatted.append(adapter.dispatch('format_column', 'dbt')(column)) %}{% endfor %}
  {{ return(formatted) }}
{% endmacro %}
{% macro default__format_column(column) -%}
  {{ return({'name': column.name, 'data_type': column.dtype, 'formatted': column.column.lower() ~ ' ' ~ column.dtype}) }}
{%- endmacro -%}

{# ── Incremental models ──────────────────────────────────────────────────── #}

{% macro get_incremental_append_sql(arg_dict) %}{{ return(adapter.dispatch('get_incremental_append_sql', 'dbt')(arg_dict)) }}{% endmacro %}
{% macro default__get_incremental_append_sql(arg_dict) %}
  {% do return(get_insert_into_sql(arg_dict['target_relation'], arg_dict['temp_relation'], arg_dict['dest_columns'])) %}
{% endmacro %}

{% macro get_incremental_default_sql(arg_dict) %}
  {{ return(adapter.dispatch('get_incremental_default_sql', 'dbt')(arg_dict)) }}
{% endmacro %}
{% macro default__get_incremental_default_sql(arg_dict) %}{% do return(get_incremental_append_sql(arg_dict)) %}{% endmacro %}

{% macro get_incremental_delete_insert_sql(arg_dict) %}
  {{ return(adapter.dispatch('get_incremental_delete_insert_sql', 'dbt')(arg_dict)) }}
{% endmacro %}
{% macro default__get_incremental_delete_insert_sql(arg_dict) %}
  {% do return(get_delete_insert_merge_sql(
    arg_dict['target_relation'], arg_dict['temp_relation'], arg_dict['unique_key'], arg_dict['dest_columns'],
    arg_dict['incremental_predicates']
  )) %}
{% endmacro %}

{% macro get_incremental_insert_overwrite_sql(arg_dict) %}
  {{ return(adapter.dispatch('get_incremental_insert_overwrite_sql', 'dbt')(arg_dict)) }}
{% endmacro %}
{% macro default__get_incremental_insert_overwrite_sql(arg_dict) %}
  {% do return(get_insert_overwrite_merge_sql(
    arg_dict['target_relation'], arg_dict['temp_relation'], arg_dict['dest_columns'], arg_dict['incremental_predicates']
  )) %}
{% endmacro %}

{% macro get_incremental_merge_sql(arg_dict) %}{{ return(adapter.dispatch('get_incremental_merge_sql', 'dbt')(arg_dict)) }}{% endmacro %}
{% macro default__get_incremental_merge_sql(arg_dict) %}
  {% do return(get_merge_sql(
    arg_dict['target_relation'], arg_dict['temp_relation'], arg_dict['unique_key'], arg_dict['dest_columns'],
    arg_dict['incremental_predicates']
  )) %}
{% endmacro %}

{% macro get_incremental_microbatch_sql(arg_dict) %}
  {{ return(adapter.dispatch('get_incremental_microbatch_sql', 'dbt')(arg_dict)) }}
{% endmacro %}
{% macro default__get_incremental_microbatch_sql(arg_dict) %}
  {{ exceptions.raise_not_implemented('microbatch materialization strategy not implemented for adapter ' ~ adapter.type()) }}
{% endmacro %}

{% macro get_insert_into_sql(target_relation, temp_relation, dest_columns) %}
  {%- set names = get_quoted_csv(dest_columns | map(attribute='name')) -%}
  insert into {{ target_relation }} ({{ names }})
  (
    select {{ names }}
    from {{ temp_relation }}
  )
{% endmacro %}

{% macro get_merge_unique_key_match(source_unique_key, target_unique_key) %}
  {{ return(adapter.dispatch('get_merge_unique_key_match', 'dbt')(source_unique_key, target_unique_key)) }}
{% endmacro %}
{% macro default__get_merge_unique_key_match(source_unique_key, target_unique_key) -%}
  {{ return(equals(source_unique_key, target_unique_key) | trim) }}
{%- endmacro %}

{# `predicates` is the old name of the last parameter. #}
{% macro get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates=none) -%}
  -- back compat for old kwarg name
  {% set predicates = kwargs.get('predicates', incremental_predicates) %}
  {{ adapter.dispatch('get_merge_sql', 'dbt')(target, source, unique_key, dest_columns, predicates) }}
{%- endmacro %}
{% macro default__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates=none) -%}
  {%- set conditions = [] + (incremental_predicates or []) -%}
  {%- if not unique_key -%}
    {%- do conditions.append('FALSE') -%}
  {%- elif unique_key is sequence and unique_key is not mapping and unique_key is not string -%}
    {%- for key in unique_key -%}
      {%- do conditions.append(' DBT_INTERNAL_SOURCE.' ~ key ~ ' = DBT_INTERNAL_DEST.' ~ key ~ ' ') -%}
    {%- endfor -%}
  {%- else -%}
    {%- do conditions.append(get_merge_unique_key_match(
      ('DBT_INTERNAL_SOURCE.' ~ unique_key) | trim, ('DBT_INTERNAL_DEST.' ~ unique_key) | trim
    )) -%}
  {%- endif -%}
  {%- set names = get_quoted_csv(dest_columns | map(attribute='name')) -%}
  {{ config.get('sql_header', none) or '' }}
  merge into {{ target }} as DBT_INTERNAL_DEST
    using {{ source }} as DBT_INTERNAL_SOURCE
    on ({{ conditions | join(') and (') }})
  {% if unique_key %}
  when matched then update set
    {% for name in get_merge_update_columns(config.get('merge_update_columns'), config.get('merge_exclude_columns'), dest_columns) -%}
    {{ name }} = DBT_INTERNAL_SOURCE.{{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
  {% endif %}
  when not matched then insert
    ({{ names }})
  values
    ({{ names }})
{% endmacro %}

{% macro get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) -%}
  {{ adapter.dispatch('get_delete_insert_merge_sql', 'dbt')(target, source, unique_key, dest_columns, incremental_predicates) }}
{%- endmacro %}
{% macro default__get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) -%}
  {%- set names = get_quoted_csv(dest_columns | map(attribute='name')) -%}
  {% if unique_key %}
    {%- set keys = unique_key if unique_key is string else unique_key | join(', ') -%}
    delete from {{ target }} as DBT_INTERNAL_DEST
    where ({{ keys }}) in (
      select distinct {{ keys }}
      from {{ source }} as DBT_INTERNAL_SOURCE
    )
    {%- for predicate in incremental_predicates or [] %}
      and {{ predicate }}{{ ' ' if loop.last }}
    {%- endfor -%};
  {% endif %}
  insert into {{ target }} ({{ names }})
  (
    select {{ names }}
    from {{ source }}
  )
{%- endmacro %}

{% macro get_insert_overwrite_merge_sql(target, source, dest_columns, predicates, include_sql_header=false) -%}
  {{ adapter.dispatch('get_insert_overwrite_merge_sql', 'dbt')(target, source, dest_columns, predicates, include_sql_header) }}
{%- endmacro %}
{% macro default__get_insert_overwrite_merge_sql(target, source, dest_columns, predicates, include_sql_header) -%}
  {%- set names = get_quoted_csv(dest_columns | map(attribute='name')) -%}
  {%- set header = config.get('sql_header', none) -%}
  {{ header if include_sql_header and header is not none }}
  merge into {{ target }} as DBT_INTERNAL_DEST
    using {{ source }} as DBT_INTERNAL_SOURCE
    on FALSE
  when not matched by source
    {{ 'and ' ~ predicates | join(' and ') if predicates }}
    then delete
  when not matched then insert
    ({{ names }})
  values
    ({{ names }})
{% endmacro %}

{% macro incremental_validate_on_schema_change(on_schema_change, default='ignore') %}
  {% if on_schema_change in ['sync_all_columns', 'append_new_columns', 'fail', 'ignore'] %}{{ return(on_schema_change) }}{% endif %}
  {% do log('Invalid value for on_schema_change (' ~ on_schema_change ~ ') specified. Setting default value of ' ~ default ~ '.') %}
  {{ return(default) }}
{% endmacro %}

{% macro check_for_schema_changes(source_relation, target_relation) %}
  {{ return(adapter.dispatch('check_for_schema_changes', 'dbt')(source_relation, target_relation)) }}
{% endmacro %}
{% macro default__check_for_schema_changes(source_relation, target_relation) %}
  {%- set source_columns = adapter.get_columns_in_relation(source_relation) -%}
  {%- set target_columns = adapter.get_columns_in_relation(target_relation) -%}
  {%- set added = diff_columns(source_columns, target_columns) -%}
  {%- set removed = diff_columns(target_columns, source_columns) -%}
  {%- set retyped = diff_column_data_types(source_columns, target_columns) -%}
  {%- set changed = added != [] or removed != [] or retyped != [] -%}
  {% do log('In ' ~ target_relation ~ ': schema changed: ' ~ changed ~ ', new: ' ~ added ~ ', gone: ' ~ removed ~ ', types: ' ~ retyped) %}
  {{ return({
    'schema_changed': changed, 'source_not_in_target': added, 'target_not_in_source': removed,
    'source_columns': source_columns, 'target_columns': target_columns, 'new_target_types': retyped
  }) }}
{% endmacro %}

{% macro sync_column_schemas(on_schema_change, target_relation, schema_changes_dict) %}
  {{ return(adapter.dispatch('sync_column_schemas', 'dbt')(on_schema_change, target_relation, schema_changes_dict)) }}
{% endmacro %}
{% macro default__sync_column_schemas(on_schema_change, target_relation, schema_changes_dict) %}
  {%- set added = schema_changes_dict['source_not_in_target'] -%}
  {%- set removed = schema_changes_dict['target_not_in_source'] -%}
  {%- if on_schema_change == 'append_new_columns' and added -%}
    {%- do alter_relation_add_remove_columns(target_relation, added, none) -%}
  {%- elif on_schema_change == 'sync_all_columns' -%}
    {%- if added or removed -%}{%- do alter_relation_add_remove_columns(target_relation, added, removed) -%}{%- endif -%}
    {%- for change in schema_changes_dict['new_target_types'] -%}
      {%- do alter_column_type(target_relation, change['column_name'], change['new_type']) -%}
    {%- endfor -%}
  {%- endif -%}
  {% do log('In ' ~ target_relation ~ ': ' ~ on_schema_change ~ ', added: ' ~ added ~ ', removed: ' ~ removed) %}
{% endmacro %}

{% macro process_schema_changes(on_schema_change, source_relation, target_relation) %}
  {{ return(adapter.dispatch('process_schema_changes', 'dbt')(on_schema_change, source_relation, target_relation)) }}
{% endmacro %}
{% macro default__process_schema_changes(on_schema_change, source_relation, target_relation) %}
  {% if on_schema_change == 'ignore' %}{{ return({}) }}{% endif %}
  {% set changes = check_for_schema_changes(source_relation, target_relation) %}
  {% if changes['schema_changed'] and on_schema_change == 'fail' %}
    {% do exceptions.raise_compiler_error(
      'The source and target schemas on this incremental model are out of sync! new: ' ~ changes['source_not_in_target']
      ~ ', gone: ' ~ changes['target_not_in_source'] ~ ', types: ' ~ changes['new_target_types']
    ) %}
  {% elif changes['schema_changed'] %}
    {% do sync_column_schemas(on_schema_change, target_relation, changes) %}
  {% endif %}
  {{ return(changes['source_columns']) }}
{% endmacro %}

{# ── Snapshots ───────────────────────────────────────────────────────────── #}

{% macro get_snapshot_table_column_names() %}
  {{ return({
    'dbt_valid_to': 'dbt_valid_to', 'dbt_valid_from': 'dbt_valid_from', 'dbt_scd_id': 'dbt_scd_id',
    'dbt_updated_at': 'dbt_updated_at', 'dbt_is_deleted': 'dbt_is_deleted'
  }) }}
{% endmacro %}

{# `package.name` looks into that package only. #}
{% macro strategy_dispatch(name) -%}
  {% set parts = name.split('.', 1) %}
  {% set package = parts[0] if parts | length == 2 else none %}
  {% set place = context if package is none else context.get(package) %}
  {% if place is none %}
    {{ exceptions.raise_compiler_error("Could not find package '" ~ package ~ "', called with '" ~ name ~ "'") }}
  {% endif %}
  {% set macro_name = 'snapshot_' ~ parts[-1] ~ '_strategy' %}
  {% if macro_name not in place %}
    {{ exceptions.raise_compiler_error(
      "The specified strategy macro '" ~ parts[-1] ~ "' was not found in package '" ~ package ~ "'"
    ) }}
  {% endif %}
  {{ return(place[macro_name]) }}
{%- endmacro %}

{% macro snapshot_hash_arguments(args) -%}{{ adapter.dispatch('snapshot_hash_arguments', 'dbt')(args) }}{%- endmacro %}
{% macro default__snapshot_hash_arguments(args) -%}
  md5({% for arg in args %}coalesce(cast({{ arg }} as varchar ), '') {{ " || '|' || " if not loop.last }}{% endfor %})
{%- endmacro %}

{# A row that was snapshotted by check may have no updated_at of its own, so dbt_valid_from is compared. #}
{% macro snapshot_timestamp_strategy(node, snapshotted_rel, current_rel, model_config, target_exists) %}
  {% set key = config.get('unique_key') %}
  {% set updated_at = config.get('updated_at') %}
  {% set hard_deletes = adapter.get_hard_deletes_behavior(config) %}
  {% set columns = config.get('snapshot_table_column_names') or get_snapshot_table_column_names() %}
  {% do return({
    'unique_key': key,
    'updated_at': updated_at,
    'row_changed': '(' ~ snapshotted_rel ~ '.' ~ columns.dbt_valid_from ~ ' < ' ~ current_rel ~ '.' ~ updated_at ~ ')',
    'scd_id': snapshot_hash_arguments(api.Relation.scd_args(key, updated_at)),
    'invalidate_hard_deletes': hard_deletes == 'invalidate',
    'hard_deletes': hard_deletes
  }) %}
{% endmacro %}

{% macro snapshot_string_as_time(timestamp) -%}{{ adapter.dispatch('snapshot_string_as_time', 'dbt')(timestamp) }}{%- endmacro %}
{% macro default__snapshot_string_as_time(timestamp) %}
  {% do exceptions.raise_not_implemented('snapshot_string_as_time macro not implemented for adapter ' ~ adapter.type()) %}
{% endmacro %}

{# (whether a column is new to the snapshot, the quoted columns that both have) #}
{% macro snapshot_check_all_get_existing_columns(node, target_exists, check_cols_config) -%}
  {%- if not target_exists -%}{{ return((false, query_columns)) }}{%- endif -%}
  {%- set snapshot = adapter.get_relation(database=node.database, schema=node.schema, identifier=node.alias) -%}
  {% if check_cols_config == 'all' %}
    {% set asked = get_columns_in_query(node['compiled_code']) %}
  {% elif check_cols_config is iterable and check_cols_config | length > 0 %}
    {% set asked = get_columns_in_query(
      'select ' ~ check_cols_config | join(', ') ~ ' from (\n' ~ node['compiled_code'] ~ '\n) subq'
    ) %}
  {% else %}
    {% do exceptions.raise_compiler_error("Invalid value for 'check_cols': " ~ check_cols_config) %}
  {% endif %}
  {%- set known = adapter.get_columns_in_relation(snapshot) | map(attribute='name') | list -%}
  {%- set both = [] -%}
  {%- for name in asked if name in known -%}{%- do both.append(adapter.quote(name)) -%}{%- endfor -%}
  {{ return((asked | reject('in', known) | list | length > 0, both)) }}
{%- endmacro %}

{% macro snapshot_check_strategy(node, snapshotted_rel, current_rel, model_config, target_exists) %}
  {% set key = config.get('unique_key') %}
  {% set hard_deletes = adapter.get_hard_deletes_behavior(config) %}
  {% set updated_at = config.get('updated_at') or snapshot_get_time() %}
  {% set grown, names = snapshot_check_all_get_existing_columns(node, target_exists, config.get('check_cols')) %}
  {%- set changed -%}
    (
    {%- if grown -%}{{ get_true_sql() }}
    {%- else -%}
      {%- for name in names -%}
        {%- set old = snapshotted_rel ~ '.' ~ name -%}
        {%- set new = current_rel ~ '.' ~ name -%}
        {{ old }} != {{ new }}
        or
        (
          (({{ old }} is null) and not ({{ new }} is null))
          or
          ((not {{ old }} is null) and ({{ new }} is null))
        )
        {%- if not loop.last %} or {% endif -%}
      {%- endfor -%}
    {%- endif -%}
    )
  {%- endset %}
  {% do return({
    'unique_key': key,
    'updated_at': updated_at,
    'row_changed': changed,
    'scd_id': snapshot_hash_arguments(api.Relation.scd_args(key, updated_at)),
    'invalidate_hard_deletes': hard_deletes == 'invalidate',
    'hard_deletes': hard_deletes
  }) %}
{% endmacro %}

{% macro snapshot_staging_table(strategy, source_sql, target_relation) -%}
  {{ adapter.dispatch('snapshot_staging_table', 'dbt')(strategy, source_sql, target_relation) }}
{% endmacro %}

{% macro build_snapshot_table(strategy, sql) -%}{{ adapter.dispatch('build_snapshot_table', 'dbt')(strategy, sql) }}{% endmacro %}
{% macro default__build_snapshot_table(strategy, sql) %}
  {% set columns = config.get('snapshot_table_column_names') or get_snapshot_table_column_names() %}
  select *,
    {{ strategy.scd_id }} as {{ columns.dbt_scd_id }},
    {{ strategy.updated_at }} as {{ columns.dbt_updated_at }},
    {{ strategy.updated_at }} as {{ columns.dbt_valid_from }},
    {{ get_dbt_valid_to_current(strategy, columns) }}
    {%- if strategy.hard_deletes == 'new_record' -%}
    , 'False' as {{ columns.dbt_is_deleted }}
    {%- endif %}
  from (
    {{ sql }}
  ) sbq
{% endmacro %}

{% macro build_snapshot_staging_table(strategy, sql, target_relation) %}
  {% set staging = make_temp_relation(target_relation) %}
  {% set select = snapshot_staging_table(strategy, sql, target_relation) %}
  {% call statement('build_snapshot_staging_relation') %}{{ create_table_as(True, staging, select) }}{% endcall %}
  {% do return(staging) %}
{% endmacro %}

{% macro post_snapshot(staging_relation) %}{{ adapter.dispatch('post_snapshot', 'dbt')(staging_relation) }}{% endmacro %}
{% macro default__post_snapshot(staging_relation) %}{% endmacro %}

{% macro get_true_sql() %}
  {{ adapter.dispatch('get_true_sql', 'dbt')() }}
{% endmacro %}
{% macro default__get_true_sql() %}{{ return('TRUE') }}{% endmacro %}

{% macro get_updated_at_column_data_type(snapshot_sql) %}
  {% set found = get_column_schema_from_query(snapshot_sql) | selectattr('column', 'in', ['dbt_updated_at', 'DBT_UPDATED_AT']) | list %}
  {{ return(found[-1].dtype or none if found else none) }}
{% endmacro %}

{% macro check_time_data_types(sql) %}
  {% set theirs = get_updated_at_column_data_type(sql) %}
  {% set ours = get_snapshot_get_time_data_type() %}
  {% if ours is not none and theirs is not none and ours != theirs and exceptions.warn_snapshot_timestamp_data_types %}
    {{ exceptions.warn_snapshot_timestamp_data_types(ours, theirs) }}
  {% endif %}
{% endmacro %}

{# nullif of a value with itself is a null of that value's type. #}
{% macro get_dbt_valid_to_current(strategy, columns) %}
  coalesce(nullif({{ strategy.updated_at }}, {{ strategy.updated_at }}), {{ config.get('dbt_valid_to_current') or 'null' }})
  as {{ columns.dbt_valid_to }}
{% endmacro %}

{% macro unique_key_fields(unique_key) %}
  {% if unique_key | is_list %}
    {% for key in unique_key %}{{ key }} as dbt_unique_key_{{ loop.index }}{{ ' , ' if not loop.last }}{% endfor %}
  {% else %}
    {{ unique_key }} as dbt_unique_key
  {% endif %}
{% endmacro %}

{% macro unique_key_join_on(unique_key, identifier, from_identifier) %}
  {% if unique_key | is_list %}
    {% for key in unique_key %}
      {{ equals((identifier ~ '.dbt_unique_key_' ~ loop.index) | trim, (from_identifier ~ '.dbt_unique_key_' ~ loop.index) | trim) }}
      {{- ' and ' if not loop.last }}
    {% endfor %}
  {% else %}
    {{ identifier }}.dbt_unique_key = {{ from_identifier }}.dbt_unique_key
  {% endif %}
{% endmacro %}

{% macro unique_key_is_null(unique_key, identifier) %}
  {{ identifier }}.dbt_unique_key{{ '_1' if unique_key | is_list }} is null
{% endmacro %}

{% macro unique_key_is_not_null(unique_key, identifier) %}
  {{ identifier }}.dbt_unique_key{{ '_1' if unique_key | is_list }} is not null
{% endmacro %}

{% macro snapshot_merge_sql(target, source, insert_cols) -%}
  {{ adapter.dispatch('snapshot_merge_sql', 'dbt')(target, source, insert_cols) }}
{%- endmacro %}
{% macro default__snapshot_merge_sql(target, source, insert_cols) -%}
  {%- set columns = config.get('snapshot_table_column_names') or get_snapshot_table_column_names() -%}
  {%- set until = 'DBT_INTERNAL_DEST.' ~ columns.dbt_valid_to -%}
  {%- set current = config.get('dbt_valid_to_current') -%}
  {%- set names = insert_cols | join(', ') -%}
  merge into {{ target.render() }} as DBT_INTERNAL_DEST
  using {{ source }} as DBT_INTERNAL_SOURCE
  on DBT_INTERNAL_SOURCE.{{ columns.dbt_scd_id }} = DBT_INTERNAL_DEST.{{ columns.dbt_scd_id }}
  when matched
    and {{ '(' ~ equals(until | trim, current | trim) ~ ' or ' ~ until ~ ' is null)' if current else until ~ ' is null' }}
    and DBT_INTERNAL_SOURCE.dbt_change_type in ('update', 'delete')
      then update
      set {{ columns.dbt_valid_to }} = DBT_INTERNAL_SOURCE.{{ columns.dbt_valid_to }}
  when not matched
    and DBT_INTERNAL_SOURCE.dbt_change_type = 'insert'
      then insert ({{ names }})
      values ({{ names }})
{% endmacro %}

{# ── Seeds ───────────────────────────────────────────────────────────────── #}

{% macro create_csv_table(model, agate_table) -%}{{ adapter.dispatch('create_csv_table', 'dbt')(model, agate_table) }}{%- endmacro %}
{% macro default__create_csv_table(model, agate_table) %}
  {%- set types = model['config'].get('column_types', {}) -%}
  {%- set columns = [] -%}
  {%- for name in agate_table.column_names -%}
    {%- set type = types.get(name, adapter.convert_type(agate_table, loop.index0)) -%}
    {%- do columns.append(adapter.quote_seed_column(name | string, model['config'].get('quote_columns', None)) ~ ' ' ~ type) -%}
  {%- endfor -%}
  {% set sql = 'create table ' ~ this.render() ~ ' (' ~ columns | join(',') ~ ')' %}
  {% call statement('_') -%}{{ sql }}{%- endcall %}
  {{ return(sql) }}
{% endmacro %}

{% macro reset_csv_table(model, full_refresh, old_relation, agate_table) -%}
  {{ adapter.dispatch('reset_csv_table', 'dbt')(model, full_refresh, old_relation, agate_table) }}
{%- endmacro %}
{% macro default__reset_csv_table(model, full_refresh, old_relation, agate_table) %}
  {% if full_refresh %}
    {{ adapter.drop_relation(old_relation) }}
    {{ return(create_csv_table(model, agate_table)) }}
  {% endif %}
  {{ adapter.truncate_relation(old_relation) }}
  {{ return('truncate table ' ~ old_relation.render()) }}
{% endmacro %}

{% macro get_csv_sql(create_or_truncate_sql, insert_sql) %}
  {{ adapter.dispatch('get_csv_sql', 'dbt')(create_or_truncate_sql, insert_sql) }}
{% endmacro %}
{% macro default__get_csv_sql(create_or_truncate_sql, insert_sql) %}
  {{ create_or_truncate_sql }};
  -- dbt seed --
  {{ insert_sql }}
{% endmacro %}

{% macro get_binding_char() -%}{{ adapter.dispatch('get_binding_char', 'dbt')() }}{%- endmacro %}
{% macro default__get_binding_char() %}{{ return('%s') }}{% endmacro %}
{% macro get_batch_size() -%}{{ return(adapter.dispatch('get_batch_size', 'dbt')()) }}{%- endmacro %}
{% macro default__get_batch_size() %}{{ return(10000) }}{% endmacro %}

{% macro get_seed_column_quoted_csv(model, column_names) %}
  {% set quoted = [] %}
  {% for name in column_names %}
    {% do quoted.append(adapter.quote_seed_column(name, model['config'].get('quote_columns', None))) %}
  {% endfor %}
  {{ return(quoted | join(', ')) }}
{% endmacro %}

{% macro load_csv_rows(model, agate_table) -%}{{ adapter.dispatch('load_csv_rows', 'dbt')(model, agate_table) }}{%- endmacro %}

{# ── Functions ───────────────────────────────────────────────────────────── #}

{% macro scalar_function_sql(target_relation) %}{{ return(adapter.dispatch('scalar_function_sql', 'dbt')(target_relation)) }}{% endmacro %}
{% macro default__scalar_function_sql(target_relation) %}
  {{ scalar_function_create_replace_signature_sql(target_relation) }}
  {{ scalar_function_body_sql() }};
{% endmacro %}

{% macro scalar_function_create_replace_signature_sql(target_relation) %}
  {{ return(adapter.dispatch('scalar_function_create_replace_signature_sql', 'dbt')(target_relation)) }}
{% endmacro %}
{% macro default__scalar_function_create_replace_signature_sql(target_relation) %}
  CREATE OR REPLACE FUNCTION {{ target_relation.render() }} ({{ formatted_scalar_function_args_sql() }})
  RETURNS {{ model.returns.data_type }}
  {{ scalar_function_volatility_sql() }}
  AS
{% endmacro %}

{% macro formatted_scalar_function_args_sql() %}
  {{ return(adapter.dispatch('formatted_scalar_function_args_sql', 'dbt')()) }}
{% endmacro %}
{% macro default__formatted_scalar_function_args_sql() %}
  {% for argument in model.arguments %}{{ argument.name }} {{ argument.data_type }}{{ ', ' if not loop.last }}{% endfor %}
{% endmacro %}

{% macro formatted_scalar_function_args_javascript() %}
  {{ return(adapter.dispatch('formatted_scalar_function_args_javascript', 'dbt')()) }}
{% endmacro %}
{% macro default__formatted_scalar_function_args_javascript() %}
  {% do exceptions.raise_compiler_error('formatted_scalar_function_args_javascript not implemented for adapter ' ~ adapter.type()) %}
{% endmacro %}

{% macro scalar_function_body_sql() %}{{ return(adapter.dispatch('scalar_function_body_sql', 'dbt')()) }}{% endmacro %}
{% macro default__scalar_function_body_sql() %}
  $$
    {{ model.compiled_code }}
  $$ LANGUAGE SQL
{% endmacro %}

{% macro scalar_function_volatility_sql() %}{{ return(adapter.dispatch('scalar_function_volatility_sql', 'dbt')()) }}{% endmacro %}
{% macro default__scalar_function_volatility_sql() %}
  {% set volatility = model.config.get('volatility') %}
  {% set words = {'deterministic': 'IMMUTABLE', 'stable': 'STABLE', 'non-deterministic': 'VOLATILE'} %}
  {% if volatility in words %}
    {{ words[volatility] }}
  {% elif volatility != none %}
    {% do unsupported_volatility_warning(volatility) %}
  {% endif %}
{% endmacro %}

{% macro scalar_function_volatility_javascript() %}
  {{ return(adapter.dispatch('scalar_function_volatility_javascript', 'dbt')()) }}
{% endmacro %}
{% macro default__scalar_function_volatility_javascript() %}
  {% if model.config.get('volatility') != none %}
    {% do exceptions.warn('Volatility is not supported by ' ~ adapter.type() ~ ' in javascript UDF and will be ignored') %}
  {% endif %}
{% endmacro %}

{% macro unsupported_volatility_warning(volatility) %}
  {{ return(adapter.dispatch('unsupported_volatility_warning', 'dbt')(volatility)) }}
{% endmacro %}
{% macro default__unsupported_volatility_warning(volatility) %}
  {% do exceptions.warn(
    'Found `' ~ volatility ~ '` volatility specified on function `' ~ model.name ~ '`. This volatility is not supported by '
    ~ adapter.type() ~ ', and will be ignored'
  ) %}
{% endmacro %}

{% macro get_aggregate_function_create_replace_signature(target_relation) %}
  {{ return(adapter.dispatch('get_aggregate_function_create_replace_signature', 'dbt')(target_relation)) }}
{% endmacro %}
{% macro default__get_aggregate_function_create_replace_signature(target_relation) %}
  CREATE OR REPLACE AGGREGATE FUNCTION {{ target_relation.render() }} ({{ get_formatted_aggregate_function_args() }})
  RETURNS {{ model.returns.data_type }}
  {{ get_function_language_specifier() }}
  {{ get_aggregate_function_volatility_specifier() }}
  {{ get_function_python_options() if model.get('language') == 'python' }}
  AS
{% endmacro %}

{% macro get_formatted_aggregate_function_args() %}
  {{ return(adapter.dispatch('get_formatted_aggregate_function_args', 'dbt')()) }}
{% endmacro %}
{% macro default__get_formatted_aggregate_function_args() %}{{ formatted_scalar_function_args_sql() }}{% endmacro %}

{% macro get_function_language_specifier() %}{{ return(adapter.dispatch('get_function_language_specifier', 'dbt')()) }}{% endmacro %}
{% macro default__get_function_language_specifier() %}
  {% set language = model.get('language') %}
  {{ 'LANGUAGE ' ~ {'javascript': 'js'}.get(language, language.upper()) if language != 'sql' }}
{% endmacro %}

{% macro get_aggregate_function_volatility_specifier() %}
  {{ return(adapter.dispatch('get_aggregate_function_volatility_specifier', 'dbt')()) }}
{% endmacro %}
{% macro default__get_aggregate_function_volatility_specifier() %}{{ scalar_function_volatility_sql() }}{% endmacro %}

{% macro get_function_python_options() %}{{ return(adapter.dispatch('get_function_python_options', 'dbt')()) }}{% endmacro %}
{% macro default__get_function_python_options() %}
  RUNTIME_VERSION = '{{ model.config.get('runtime_version') }}'
  HANDLER = '{{ model.config.get('entry_point') }}'
  {% if model.config.get('packages', []) %}
  PACKAGES = ('{{ model.config.get('packages', []) | join("','") }}')
  {% endif %}
{% endmacro %}

{% macro function_execute_build_sql(build_sql, existing_relation, target_relation) %}
  {{ return(adapter.dispatch('function_execute_build_sql', 'dbt')(build_sql, existing_relation, target_relation)) }}
{% endmacro %}

{# ── Grants ──────────────────────────────────────────────────────────────── #}

{# Whether a replaced relation keeps its grants; yes is the careful answer. #}
{% macro copy_grants() %}{{ return(adapter.dispatch('copy_grants', 'dbt')()) }}{% endmacro %}
{% macro default__copy_grants() %}{{ return(True) }}{% endmacro %}

{% macro support_multiple_grantees_per_dcl_statement() %}
  {{ return(adapter.dispatch('support_multiple_grantees_per_dcl_statement', 'dbt')()) }}
{% endmacro %}
{%- macro default__support_multiple_grantees_per_dcl_statement() -%}{{ return(True) }}{%- endmacro -%}

{% macro should_revoke(existing_relation, full_refresh_mode=True) %}
  {% if not existing_relation %}{{ return(False) }}{% endif %}
  {{ return(copy_grants() if full_refresh_mode else True) }}
{% endmacro %}

{% macro get_show_grant_sql(relation) %}{{ return(adapter.dispatch('get_show_grant_sql', 'dbt')(relation)) }}{% endmacro %}
{% macro default__get_show_grant_sql(relation) %}show grants on {{ relation.render() }}{% endmacro %}

{% macro get_grant_sql(relation, privilege, grantees) %}
  {{ return(adapter.dispatch('get_grant_sql', 'dbt')(relation, privilege, grantees)) }}
{% endmacro %}
{%- macro default__get_grant_sql(relation, privilege, grantees) -%}
  grant {{ privilege }} on {{ relation.render() }} to {{ grantees | join(', ') }}
{%- endmacro -%}

{% macro get_revoke_sql(relation, privilege, grantees) %}
  {{ return(adapter.dispatch('get_revoke_sql', 'dbt')(relation, privilege, grantees)) }}
{% endmacro %}
{%- macro default__get_revoke_sql(relation, privilege, grantees) -%}
  revoke {{ privilege }} on {{ relation.render() }} from {{ get_quoted_csv(grantees) }}
{%- endmacro -%}

{% macro get_dcl_statement_list(relation, grant_config, get_dcl_macro) %}
  {{ return(adapter.dispatch('get_dcl_statement_list', 'dbt')(relation, grant_config, get_dcl_macro)) }}
{% endmacro %}
{# One statement for a privilege, or one for each of its grantees. #}
{%- macro default__get_dcl_statement_list(relation, grant_config, get_dcl_macro) -%}
  {%- set statements = [] -%}
  {%- for privilege, grantees in grant_config.items() if grantees -%}
    {%- set groups = [grantees] if support_multiple_grantees_per_dcl_statement() else grantees | batch(1) -%}
    {%- for group in groups -%}{%- do statements.append(get_dcl_macro(relation, privilege, group)) -%}{%- endfor -%}
  {%- endfor -%}
  {{ return(statements) }}
{%- endmacro %}

{% macro call_dcl_statements(dcl_statement_list) %}
  {{ return(adapter.dispatch('call_dcl_statements', 'dbt')(dcl_statement_list)) }}
{% endmacro %}
{% macro default__call_dcl_statements(dcl_statement_list) %}
  {% call statement('grants') %}
    {% for dcl in dcl_statement_list %}{{ dcl }};
    {% endfor %}
  {% endcall %}
{% endmacro %}

{% macro apply_grants(relation, grant_config, should_revoke) %}
  {{ return(adapter.dispatch('apply_grants', 'dbt')(relation, grant_config, should_revoke)) }}
{% endmacro %}
{# With grants that may have been kept only the differences are granted and revoked. #}
{% macro default__apply_grants(relation, grant_config, should_revoke=True) %}
  {% if grant_config %}
    {% set surplus = {} %}
    {% set lacking = grant_config %}
    {% if should_revoke %}
      {% set present = adapter.standardize_grants_dict(run_query(get_show_grant_sql(relation))) %}
      {% set lacking = diff_of_two_dicts(grant_config, present) %}
      {% set surplus = diff_of_two_dicts(present, grant_config) %}
    {% endif %}
    {% set statements = get_dcl_statement_list(relation, surplus, get_revoke_sql)
      + get_dcl_statement_list(relation, lacking, get_grant_sql) %}
    {% if statements %}
      {{ call_dcl_statements(statements) }}
    {% else %}
      {{ log('On ' ~ relation.render() ~ ': All grants are in place, no revocation or granting needed.') }}
    {% endif %}
  {% endif %}
{% endmacro %}

{# ── Comments, indexes and freshness ─────────────────────────────────────── #}

{% macro alter_column_comment(relation, column_dict) -%}
  {{ return(adapter.dispatch('alter_column_comment', 'dbt')(relation, column_dict)) }}
{% endmacro %}
{% macro default__alter_column_comment(relation, column_dict) -%}
  {{ exceptions.raise_not_implemented('alter_column_comment macro not implemented for adapter ' ~ adapter.type()) }}
{% endmacro %}
{% macro alter_relation_comment(relation, relation_comment) -%}
  {{ return(adapter.dispatch('alter_relation_comment', 'dbt')(relation, relation_comment)) }}
{% endmacro %}
{% macro default__alter_relation_comment(relation, relation_comment) -%}
  {{ exceptions.raise_not_implemented('alter_relation_comment macro not implemented for adapter ' ~ adapter.type()) }}
{% endmacro %}

{% macro persist_docs(relation, model, for_relation=true, for_columns=true) -%}
  {{ return(adapter.dispatch('persist_docs', 'dbt')(relation, model, for_relation, for_columns)) }}
{% endmacro %}
{% macro default__persist_docs(relation, model, for_relation, for_columns) -%}
  {% if for_relation and config.persist_relation_docs() and model.description %}
    {% do run_query(alter_relation_comment(relation, model.description)) %}
  {% endif %}
  {% if for_columns and config.persist_column_docs() and model.columns %}
    {% set present = adapter.get_columns_in_relation(relation) | map(attribute='name') | list %}
    {% set comments = alter_column_comment(relation, validate_doc_columns(relation, model.columns, present)) %}
    {% if comments and comments | trim %}{% do run_query(comments) %}{% endif %}
  {% endif %}
{% endmacro %}

{# The documented columns that exist; a quoted name must fit by case, too. #}
{% macro validate_doc_columns(relation, column_dict, existing_column_names) %}
  {% set lowered = existing_column_names | map('lower') | list %}
  {% set found = {} %}
  {% set missing = [] %}
  {% for name, column in column_dict.items() %}
    {% if name in existing_column_names or (not column['quote'] and name | lower in lowered) %}
      {% do found.update({name: column}) %}
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

{% macro get_create_index_sql(relation, index_dict) -%}
  {{ return(adapter.dispatch('get_create_index_sql', 'dbt')(relation, index_dict)) }}
{% endmacro %}
{% macro default__get_create_index_sql(relation, index_dict) -%}{% do return(None) %}{% endmacro %}

{% macro create_indexes(relation) -%}{{ adapter.dispatch('create_indexes', 'dbt')(relation) }}{%- endmacro %}
{% macro default__create_indexes(relation) -%}
  {% for index in config.get('indexes', default=[]) %}
    {% set sql = get_create_index_sql(relation, index) %}
    {% if sql %}{% do run_query(sql) %}{% endif %}
  {% endfor %}
{% endmacro %}

{% macro get_drop_index_sql(relation, index_name) -%}
  {{ adapter.dispatch('get_drop_index_sql', 'dbt')(relation, index_name) }}
{%- endmacro %}
{% macro default__get_drop_index_sql(relation, index_name) -%}
  {{ exceptions.raise_compiler_error('`get_drop_index_sql has not been implemented for this adapter.') }}
{%- endmacro %}
{% macro get_show_indexes_sql(relation) -%}{{ adapter.dispatch('get_show_indexes_sql', 'dbt')(relation) }}{%- endmacro %}
{% macro default__get_show_indexes_sql(relation) -%}
  {{ exceptions.raise_compiler_error('`get_show_indexes_sql has not been implemented for this adapter.') }}
{%- endmacro %}

{% macro collect_freshness(source, loaded_at_field, filter) %}
  {{ return(adapter.dispatch('collect_freshness', 'dbt')(source, loaded_at_field, filter)) }}
{% endmacro %}
{% macro default__collect_freshness(source, loaded_at_field, filter) %}
  {% call statement('collect_freshness', fetch_result=True, auto_begin=False) -%}
    select
      max({{ loaded_at_field }}) as max_loaded_at,
      {{ current_timestamp() }} as snapshotted_at
    from {{ source }}
    {{ 'where ' ~ filter if filter }}
  {% endcall %}
  {{ return(load_result('collect_freshness')) }}
{% endmacro %}
{% macro collect_freshness_custom_sql(source, loaded_at_query) %}
  {{ return(adapter.dispatch('collect_freshness_custom_sql', 'dbt')(source, loaded_at_query)) }}
{% endmacro %}
{% macro default__collect_freshness_custom_sql(source, loaded_at_query) %}
  {% call statement('collect_freshness_custom_sql', fetch_result=True, auto_begin=False) -%}
    with source_query as (
      {{ loaded_at_query }}
    )
    select
      (select * from source_query) as max_loaded_at,
      {{ current_timestamp() }} as snapshotted_at
  {% endcall %}
  {{ return(load_result('collect_freshness_custom_sql')) }}
{% endmacro %}

{# ── What a database tells about itself ──────────────────────────────────── #}

{% macro get_catalog(information_schema, schemas) -%}
  {{ return(adapter.dispatch('get_catalog', 'dbt')(information_schema, schemas)) }}
{%- endmacro %}
{% macro default__get_catalog(information_schema, schemas) -%}
  {{ exceptions.raise_compiler_error('get_catalog not implemented for ' ~ adapter.type()) }}
{% endmacro %}
{% macro get_catalog_relations(information_schema, relations) -%}
  {{ return(adapter.dispatch('get_catalog_relations', 'dbt')(information_schema, relations)) }}
{%- endmacro %}
{% macro default__get_catalog_relations(information_schema, relations) -%}
  {{ exceptions.raise_compiler_error('get_catalog_relations not implemented for ' ~ adapter.type()) }}
{%- endmacro %}

{% macro information_schema_name(database) %}{{ return(adapter.dispatch('information_schema_name', 'dbt')(database)) }}{% endmacro %}
{% macro default__information_schema_name(database) -%}{{ database ~ '.' if database }}INFORMATION_SCHEMA{%- endmacro %}

{% macro list_schemas(database) -%}{{ return(adapter.dispatch('list_schemas', 'dbt')(database)) }}{% endmacro %}
{% macro default__list_schemas(database) -%}
  {% set sql %}
    select distinct schema_name
    from {{ information_schema_name(database) }}.SCHEMATA
    where catalog_name ilike '{{ database }}'
  {% endset %}
  {{ return(run_query(sql)) }}
{% endmacro %}

{% macro check_schema_exists(information_schema, schema) -%}
  {{ return(adapter.dispatch('check_schema_exists', 'dbt')(information_schema, schema)) }}
{% endmacro %}
{% macro default__check_schema_exists(information_schema, schema) -%}
  {% set sql -%}
    select count(*)
    from {{ information_schema.replace(information_schema_view='SCHEMATA') }}
    where catalog_name='{{ information_schema.database }}'
      and schema_name='{{ schema }}'
  {%- endset %}
  {{ return(run_query(sql)) }}
{% endmacro %}

{% macro list_relations_without_caching(schema_relation) %}
  {{ return(adapter.dispatch('list_relations_without_caching', 'dbt')(schema_relation)) }}
{% endmacro %}
{% macro default__list_relations_without_caching(schema_relation) %}
  {{ exceptions.raise_not_implemented('list_relations_without_caching macro not implemented for adapter ' ~ adapter.type()) }}
{% endmacro %}
{% macro list_function_relations_without_caching(schema_relation) %}
  {{ return(adapter.dispatch('list_function_relations_without_caching', 'dbt')(schema_relation)) }}
{% endmacro %}
{% macro default__list_function_relations_without_caching(schema_relation) %}
  {{ exceptions.raise_not_implemented('list_function_relations_without_caching macro not implemented for adapter ' ~ adapter.type()) }}
{% endmacro %}
{% macro get_catalog_for_single_relation(relation) %}
  {{ return(adapter.dispatch('get_catalog_for_single_relation', 'dbt')(relation)) }}
{% endmacro %}
{% macro default__get_catalog_for_single_relation(relation) %}
  {{ exceptions.raise_not_implemented('get_catalog_for_single_relation macro not implemented for adapter ' ~ adapter.type()) }}
{% endmacro %}
{% macro get_relations() %}{{ return(adapter.dispatch('get_relations', 'dbt')()) }}{% endmacro %}
{% macro default__get_relations() %}
  {{ exceptions.raise_not_implemented('get_relations macro not implemented for adapter ' ~ adapter.type()) }}
{% endmacro %}
{% macro get_relation_last_modified(information_schema, relations) %}
  {{ return(adapter.dispatch('get_relation_last_modified', 'dbt')(information_schema, relations)) }}
{% endmacro %}
{% macro default__get_relation_last_modified(information_schema, relations) %}
  {{ exceptions.raise_not_implemented('get_relation_last_modified macro not implemented for adapter ' ~ adapter.type()) }}
{% endmacro %}
