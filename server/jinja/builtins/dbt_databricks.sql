{# dbt-databricks's own macros: what differs from dbt-spark and the default. #}

{# ── Names ───────────────────────────────────────────────────────────────── #}

{# Unlike Spark, Databricks has databases: its catalogs. #}
{% macro databricks__generate_database_name(custom_database_name=none, node=none) -%}
  {%- set catalog = none -%}
  {%- if node is not none and node | attr('database') -%}
    {%- set catalog = adapter.build_catalog_relation(node) -%}
  {%- elif 'config' in target -%}
    {%- set catalog = adapter.build_catalog_relation(target) -%}
  {%- endif -%}
  {%- if catalog is not none and catalog | attr('catalog_database') -%}
    {{ return(catalog.catalog_database) }}
  {%- elif custom_database_name is not none -%}
    {{ return(custom_database_name) }}
  {%- endif -%}
  {{ return(catalog.catalog_name or target.database if catalog is not none else target.database) }}
{%- endmacro %}

{# ── SQL that is spelled differently by each database ────────────────────── #}

{# Which runtime answers is not known while parsing, so Spark's text is taken then. #}
{% macro databricks__dateadd(datepart, interval, from_date_or_timestamp) %}
  {%- if adapter.has_dbr_capability('timestampdiff') -%}
    timestampadd({{ datepart }}, {{ interval }}, {{ from_date_or_timestamp }})
  {%- else -%}
    {{ spark__dateadd(datepart, interval, from_date_or_timestamp) }}
  {%- endif -%}
{%- endmacro %}

{% macro databricks__datediff(first_date, second_date, datepart) %}
  {%- if adapter.has_dbr_capability('timestampdiff') -%}
    timestampdiff({{ datepart }}, {{ date_trunc(datepart, first_date) }}, {{ date_trunc(datepart, second_date) }})
  {%- else -%}
    {{ spark__datediff(first_date, second_date, datepart) }}
  {%- endif -%}
{%- endmacro %}

{# As Spark's, but a part that is not there is null. #}
{% macro databricks__split_part(string_text, delimiter_text, part_number) %}
  {% set text %}
    get(split(
      {{ string_text }},
      -- escape if starts with a special character
      case when regexp_extract({{ delimiter_text }}, '([^A-Za-z0-9])(.*)', 1) != '_'
        then concat('\\', {{ delimiter_text }})
        else {{ delimiter_text }} end
      ),
    {%- if part_number >= 0 %} {{ part_number - 1 if part_number > 0 else part_number }}
    {%- else %}
      length({{ string_text }})
      - length(
        replace({{ string_text }}, {{ delimiter_text }}, '')
      ) + 1 + {{ part_number }}
    {% endif -%}
    )
  {% endset %}
  {{ return(text) }}
{% endmacro %}

{# ── Statements ──────────────────────────────────────────────────────────── #}

{% macro run_query_as(sql, name, fetch_result=True) %}
  {% call statement(name, fetch_result, auto_begin=False) %}
    {{ sql }}
  {% endcall %}
  {% if fetch_result %}{{ return(load_result(name).table) }}{% endif %}
{% endmacro %}

{% macro statement_with_staging_table(name=None, staging_table=None, fetch_result=False, auto_begin=True) -%}
  {%- if execute -%}
    {%- set code = caller() -%}
    {%- if name == 'main' -%}
      {{ log('Writing runtime SQL for node "' ~ model['unique_id'] ~ '"') }}
      {{ write(code) }}
    {%- endif -%}
    {%- set response, table = adapter.execute(code, auto_begin=auto_begin, fetch=fetch_result, staging_table=staging_table) -%}
    {%- if name is not none -%}{{ store_result(name, response=response, agate_table=table) }}{%- endif -%}
  {%- endif -%}
{%- endmacro %}

{% macro execute_multiple_statements(statements) %}
  {% for sql in ([statements] if statements is string else statements) %}
    {% call statement(name='main') %}
      {{ sql }}
    {% endcall %}
  {% endfor %}
{% endmacro %}

{% macro execute_no_op(target_relation) %}
  {% do store_raw_result(name='main', message='skip ' ~ target_relation, code='skip', rows_affected='-1') %}
{% endmacro %}

{% macro run_pre_hooks() %}
  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}
{% endmacro %}
{% macro run_post_hooks() %}
  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {{ run_hooks(post_hooks, inside_transaction=False) }}
{% endmacro %}

{% macro current_catalog() -%}{{ return(adapter.dispatch('current_catalog', 'dbt')()) }}{% endmacro %}
{% macro databricks__current_catalog() -%}{{ return(run_query_as(current_catalog_sql(), 'current_catalog')) }}{% endmacro %}
{% macro current_catalog_sql() %}SELECT current_catalog(){% endmacro %}
{% macro use_catalog(catalog) -%}{{ adapter.dispatch('use_catalog', 'dbt')(catalog) }}{% endmacro %}
{% macro databricks__use_catalog(catalog) -%}{{ run_query_as(use_catalog_sql(catalog), 'use_catalog', fetch_result=False) }}{% endmacro %}
{% macro use_catalog_sql(catalog) %}USE CATALOG {{ adapter.quote(catalog) | lower }}{% endmacro %}

{% macro set_overwrite_mode(value) %}
  {% if adapter.is_cluster() %}
    {%- call statement('Setting partitionOverwriteMode: ' ~ value) -%}
      set spark.sql.sources.partitionOverwriteMode = {{ value }}
    {%- endcall -%}
  {% else %}
    {{ exceptions.warn(
      'insert_overwrite is supported on SQL warehouses with DBR 17.1+. On older DBR versions, this strategy would be'
      ~ ' equivalent to using the table materialization.'
    ) }}
  {% endif %}
{% endmacro %}

{% macro optimize(relation) %}{{ return(adapter.dispatch('optimize', 'dbt')(relation)) }}{% endmacro %}

{# ── Relations ───────────────────────────────────────────────────────────── #}

{# A view for SQL, temporary where Unity Catalog keeps the tables, and a table for Python. #}
{% macro databricks__make_temp_relation(base_relation, suffix='__dbt_tmp') %}
  {% if config.get('unique_tmp_table_suffix', False) | as_bool %}
    {% set suffix = adapter.generate_unique_temporary_table_suffix() %}
  {% endif %}
  {% if suffix == '__dbt_tmp' and model.batch %}
    {% set suffix = suffix ~ '_' ~ model.batch.id %}
  {% endif %}
  {% set name = base_relation.identifier ~ suffix %}
  {% if model['language'] == 'sql' %}
    {% do return(api.Relation.create(identifier=name, type='view', temporary=not base_relation.is_hive_metastore())) %}
  {% endif %}
  {% do return(api.Relation.create(database=base_relation.database, schema=base_relation.schema, identifier=name, type='table')) %}
{% endmacro %}
{% macro databricks__make_intermediate_relation(base_relation, suffix) %}
  {{ return(databricks__make_temp_relation(base_relation, suffix)) }}
{% endmacro %}
{% macro make_staging_relation(base_relation, suffix='__dbt_stg', type='table') %}
  {% if config.get('unique_tmp_table_suffix', False) | as_bool %}
    {% set suffix = adapter.generate_unique_temporary_table_suffix(suffix) %}
  {% endif %}
  {% do return(api.Relation.create(
    database=base_relation.database, schema=base_relation.schema, identifier=base_relation.identifier ~ suffix, type=type,
    is_staging=True
  )) %}
{% endmacro %}
{% macro load_relation_with_metadata(relation) %}
  {% do return(adapter.get_relation(
    database=relation.database, schema=relation.schema, identifier=relation.identifier, needs_information=True
  )) %}
{% endmacro %}

{% macro get_replace_sql(existing_relation, target_relation, sql) %}
  {{- log('Applying REPLACE to: ' ~ existing_relation) -}}
  {% do return(adapter.dispatch('get_replace_sql', 'dbt')(existing_relation, target_relation, sql)) %}
{% endmacro %}
{% macro drop_and_create(existing_relation, target_relation, sql) %}
  {{ log('Using drop_and_create') }}
  {{ return([get_drop_sql(existing_relation), get_create_sql(target_relation, sql)]) }}
{% endmacro %}
{% macro create_backup(relation) -%}
  -- get the standard backup name
  {% set backup = make_backup_relation(relation, relation.type) %}
  -- drop any pre-existing backup
  {{ drop_relation_if_exists(backup) }}
  {{ adapter.rename_relation(relation, backup) }}
{%- endmacro -%}
{%- macro databricks__get_create_intermediate_sql(relation, sql) -%}
  {% set intermediate = make_intermediate_relation(relation) %}
  {{ drop_relation(intermediate) }}
  {{ return(get_create_sql(intermediate, sql)) }}
{%- endmacro -%}

{% macro databricks__get_drop_sql(relation) -%}
  {%- if relation.is_materialized_view -%}{{ drop_materialized_view(relation) }}
  {%- elif relation.is_streaming_table -%}{{ drop_streaming_table(relation) }}
  {%- elif relation.is_view or relation.is_metric_view -%}{{ drop_view(relation) }}
  {%- else -%}{{ drop_table(relation) }}
  {%- endif -%}
{% endmacro %}
{% macro databricks__drop_relation(relation) -%}
  {% call statement('drop_relation', auto_begin=False) -%}{{ get_drop_sql(relation) }}{%- endcall %}
{% endmacro %}
{% macro databricks__drop_table(relation) -%}drop table if exists {{ relation.render() }}{%- endmacro %}
{% macro databricks__drop_view(relation) -%}DROP VIEW IF EXISTS {{ relation.render() }}{%- endmacro %}
{% macro databricks__get_rename_table_sql(relation, new_name) %}ALTER TABLE {{ relation.render() }} RENAME TO `{{ new_name }}`{% endmacro %}
{% macro databricks__get_rename_view_sql(relation, new_name) %}ALTER VIEW {{ relation.render() }} RENAME TO {{ new_name }}{% endmacro %}
{% macro databricks__get_replace_view_sql(target_relation, sql) %}{{ create_view_as(target_relation, sql) }}{% endmacro %}

{% macro databricks__can_clone_table() %}{{ return(True) }}{% endmacro %}
{% macro databricks__create_or_replace_clone(this_relation, defer_relation) %}
  create or replace
  table {{ this_relation.render() }}
  shallow clone {{ defer_relation.render() }}
{% endmacro %}
{# Only a plain table has to go before its place is taken by a clone. #}
{% macro clone_requires_drop(existing_relation) %}
  {% if existing_relation is none %}{{ return(False) }}{% endif %}
  {{ return(not existing_relation.is_table or (
    not existing_relation.is_shallow_clone and existing_relation.databricks_table_type is not none
  )) }}
{% endmacro %}

{# Whether ALTER VIEW will do. #}
{% macro relation_should_be_altered(existing_relation, target_relation) %}
  {% if existing_relation.type != target_relation.type or should_full_refresh()
    or not config.get('view_update_via_alter', False) | as_bool %}
    {{ return(False) }}
  {% elif existing_relation.is_hive_metastore() %}
    {{ exceptions.raise_compiler_error(
      'Cannot update a view in the Hive metastore via ALTER VIEW. Please set `view_update_via_alter: false` in your model configuration.'
    ) }}
  {% endif %}
  {{ return(True) }}
{% endmacro %}

{# ── Columns ─────────────────────────────────────────────────────────────── #}

{% macro get_columns_comments(relation) -%}
  {{ return(run_query_as(get_columns_comments_sql(relation), 'get_columns_comments')) }}
{% endmacro %}
{% macro get_columns_comments_sql(relation) %}DESCRIBE TABLE {{ relation.render() }}{% endmacro %}
{% macro get_columns_comments_as_json(relation) -%}
  {{ return(run_query_as(get_columns_comments_as_json_sql(relation), 'get_columns_comments_as_json')) }}
{% endmacro %}
{% macro get_columns_comments_as_json_sql(relation) %}DESCRIBE TABLE EXTENDED {{ relation.render() }} AS JSON{% endmacro %}

{% macro add_columns_sql(relation, add_columns) %}
  ALTER TABLE {{ relation.render() }} ADD COLUMNS ({{ api.Column.format_add_column_list(add_columns) }})
{% endmacro %}
{% macro drop_columns_sql(relation, remove_columns) %}
  ALTER TABLE {{ relation.render() }} DROP COLUMNS ({{ api.Column.format_remove_column_list(remove_columns) }})
{% endmacro %}
{% macro databricks__alter_relation_add_remove_columns(relation, add_columns, remove_columns) %}
  {% if remove_columns %}
    {{ unset_column_tags(relation, remove_columns) }}
    {{ run_query_as(drop_columns_sql(relation, remove_columns), 'alter_relation_remove_columns', fetch_result=False) }}
  {% endif %}
  {% if add_columns %}
    {{ run_query_as(add_columns_sql(relation, add_columns), 'alter_relation_add_columns', fetch_result=False) }}
  {% endif %}
{% endmacro %}
{% macro databricks__alter_column_type(relation, column_name, new_column_type) -%}
  {% call statement('alter_column_type') %}
    alter table {{ relation }} alter column {{ adapter.quote(column_name) }} type {{ new_column_type }};
  {% endcall %}
{% endmacro %}
{% macro databricks__create_columns(relation, columns) %}
  {% if columns %}
    {% call statement() %}
      alter table {{ relation }} add columns (
        {% for column in columns %}{{ adapter.quote(column.name) }} {{ column.data_type }}{{ ', ' if not loop.last }}{% endfor %}
      );
    {% endcall %}
  {% endif %}
{% endmacro %}

{% macro add_columns_to_list(target_list, columns) %}
  {%- do target_list.extend([columns] if columns is string else columns or []) -%}
{% endmacro %}

{# ── Clauses of a table ──────────────────────────────────────────────────── #}

{% macro file_format_clause(catalog_relation=none) %}
  {% set format = catalog_relation.table_format if catalog_relation is not none else config.get('table_format', default='default') %}
  {% set file = catalog_relation.file_format if catalog_relation is not none else adapter.resolve_file_format(config) %}
  using {{ 'iceberg' if format == 'iceberg' and adapter.behavior.use_managed_iceberg else file }}
{%- endmacro -%}
{% macro get_file_format(catalog_relation=none) %}
  {% do return(dbt_databricks_validate_get_file_format(
    catalog_relation.file_format if catalog_relation is not none else adapter.resolve_file_format(config)
  )) %}
{% endmacro %}
{% macro dbt_databricks_validate_get_file_format(raw_file_format) %}
  {% set known = ['text', 'csv', 'json', 'jdbc', 'parquet', 'orc', 'hive', 'delta', 'libsvm', 'hudi'] %}
  {% if raw_file_format not in known %}
    {% do exceptions.raise_compiler_error(
      'Invalid file format provided: ' ~ raw_file_format ~ '\nExpected one of: ' ~ known | join(', ')
    ) %}
  {% endif %}
  {% do return(raw_file_format) %}
{% endmacro %}

{% macro liquid_clustered_cols() -%}
  {%- set columns = config.get('liquid_clustered_by') -%}
  {%- if columns is not none %}
    CLUSTER BY ({{ columns if columns is string else columns | join(', ') }})
  {%- elif config.get('auto_liquid_cluster') -%}
    CLUSTER BY AUTO
  {%- endif %}
{%- endmacro -%}

{% macro tblproperties_clause() -%}{{ return(adapter.dispatch('tblproperties_clause', 'dbt')()) }}{%- endmacro -%}
{% macro databricks__tblproperties_clause(tblproperties=None) -%}
  {%- set properties = adapter.update_tblproperties_for_uniform_iceberg(config, tblproperties) if adapter.is_uniform(config)
    else tblproperties or config.get('tblproperties', {}) -%}
  {%- if properties != {} %}
    tblproperties (
      {%- for name, value in properties.items() -%}
      '{{ name }}' = '{{ value }}' {{ ', ' if not loop.last }}
      {%- endfor %}
    )
  {%- endif %}
{%- endmacro -%}
{% macro get_create_sql_tblproperties(tblproperties) %}{{ databricks__tblproperties_clause(tblproperties) }}{% endmacro %}

{% macro databricks__comment_clause() %}
  {%- set docs = config.get('persist_docs', {}) -%}
  {%- if docs is mapping and docs.get('relation', false) and model.description -%}
    comment '{{ model.description | replace("'", "\\'") }}'
  {%- elif docs and docs is not mapping -%}
    {{ exceptions.raise_compiler_error("Invalid value provided for 'persist_docs'. Expected dict but got value: " ~ docs) }}
  {%- endif %}
{%- endmacro -%}

{%- macro get_create_sql_comment(comment) -%}
  {%- if comment is string %}
COMMENT '{{ comment | replace("\\", "\\\\") | replace("'", "\\'") }}'
  {%- endif -%}
{%- endmacro -%}
{% macro get_create_sql_partition_by(partition_by) -%}
  {{ 'PARTITIONED BY (' ~ partition_by | join(', ') ~ ')' if partition_by }}
{%- endmacro %}
{% macro get_create_sql_refresh_schedule(refresh) %}
  {%- if refresh.cron -%}
    SCHEDULE CRON '{{ refresh.cron }}'{{ " AT TIME ZONE '" ~ refresh.time_zone_value ~ "'" if refresh.time_zone_value }}
  {%- elif refresh.every -%}
    SCHEDULE EVERY {{ refresh.every }}
  {%- elif refresh.on_update -%}
    TRIGGER ON UPDATE{{ ' AT MOST EVERY INTERVAL ' ~ refresh.at_most_every if refresh.at_most_every }}
  {%- endif -%}
{% endmacro %}
{% macro get_alter_sql_refresh_schedule(refresh) %}
  {%- if refresh.cron or refresh.every or refresh.on_update -%}
    {{ 'ALTER ' if refresh.is_altered else 'ADD ' }}{{- get_create_sql_refresh_schedule(refresh) -}}
  {%- else -%}
    DROP SCHEDULE
  {%- endif -%}
{% endmacro %}

{# ── Tags, masks and filters ─────────────────────────────────────────────── #}

{% macro alter_set_tags(relation, tags) -%}
  ALTER {{ relation.type.render_for_alter() }} {{ relation.render() }} SET TAGS (
    {% for name, value in tags.items() %}'{{ name }}' = '{{ value }}'{{ ', ' if not loop.last }}{% endfor %}
  )
{%- endmacro -%}
{% macro alter_set_column_tags(relation, column, tags) -%}
  ALTER {{ 'TABLE' if relation.type == 'view' else relation.type.render() }} {{ relation.render() }}
  ALTER COLUMN `{{ column }}`
  SET TAGS ({% for name, value in tags.items() %}'{{ name }}' = '{{ value }}'{{ ', ' if not loop.last }}{% endfor %})
{%- endmacro -%}
{% macro alter_unset_column_tags(relation, column, tag_names) -%}
  ALTER {{ relation.type.render() }} {{ relation.render() }}
  ALTER COLUMN `{{ column }}`
  UNSET TAGS ('{{ tag_names | join("', '") }}')
{%- endmacro -%}
{% macro get_set_tag_statements(relation, set_tags, column_tags) -%}
  {%- set statements = [] -%}
  {%- if set_tags -%}{%- do statements.append(alter_set_tags(relation, set_tags)) -%}{%- endif -%}
  {%- for column, tags in (column_tags.set_column_tags or {} if column_tags else {}).items() -%}
    {%- do statements.append(alter_set_column_tags(relation, column, tags)) -%}
  {%- endfor -%}
  {{ return(statements) }}
{%- endmacro -%}

{% macro column_tags_exist() %}
  {% for column in model.columns.values() if column is mapping and column.get('databricks_tags') %}{{ return(true) }}{% endfor %}
  {{ return(false) }}
{% endmacro %}
{% macro column_mask_exists() %}
  {% for column in model.columns.values() if column is mapping and column.get('column_mask') %}{{ return(true) }}{% endfor %}
  {{ return(false) }}
{% endmacro %}

{% macro alter_set_column_mask(relation, column, mask) -%}
  ALTER {{ relation.type.render() }} {{ relation.render() }}
  ALTER COLUMN `{{ column }}`
  SET MASK {{ mask.function }}{{ ' USING COLUMNS (' ~ mask.using_columns ~ ')' if mask.using_columns }};
{%- endmacro -%}
{% macro alter_drop_column_mask(relation, column) -%}
  ALTER {{ relation.type.render() }} {{ relation.render() }}
  ALTER COLUMN `{{ column }}`
  DROP MASK;
{%- endmacro -%}

{%- macro row_filter_exists() -%}
  {%- set filter = config.get('row_filter') -%}
  {%- set columns = filter.get('columns') if filter else none -%}
  {%- do return(filter and filter.get('function') and (columns and columns | length > 0)) -%}
{%- endmacro -%}
{%- macro quote_row_filter_columns(columns) -%}
  {%- set quoted = [] -%}
  {%- for name in columns -%}{%- do quoted.append('`' ~ name ~ '`') -%}{%- endfor -%}
  {{- quoted | join(', ') -}}
{%- endmacro -%}
{%- macro quote_row_filter_function(function) -%}
  {%- set parts = function.split('.') -%}
  `{{ parts | join('`.`') if parts | length == 3 else function }}`
{%- endmacro -%}
{%- macro alter_set_row_filter(relation, row_filter) -%}
  ALTER {{ relation.type.render() }} {{ relation.render() }}
  SET ROW FILTER {{ quote_row_filter_function(row_filter.function) }}
  ON ({{ quote_row_filter_columns(row_filter.columns) }})
{%- endmacro -%}
{%- macro alter_drop_row_filter(relation) -%}
  ALTER {{ relation.type.render() }} {{ relation.render() }}
  DROP ROW FILTER
{%- endmacro -%}

{# ── Constraints ─────────────────────────────────────────────────────────── #}

{% macro persist_constraints(relation, model) %}{{ return(adapter.dispatch('persist_constraints', 'dbt')(relation, model)) }}{% endmacro %}
{% macro alter_table_add_constraints(relation, constraints) %}
  {{ return(adapter.dispatch('alter_table_add_constraints', 'dbt')(relation, constraints)) }}
{% endmacro %}
{% macro alter_column_set_constraints(relation, column_dict) %}
  {{ return(adapter.dispatch('alter_column_set_constraints', 'dbt')(relation, column_dict)) }}
{% endmacro %}
{% macro get_model_constraints(model) %}
  {% set old = model.get('meta', {}).get('constraints') %}
  {% if config.get('persist_constraints', False) and old is sequence %}
    {{ return(databricks_constraints_to_dbt(old)) }}
  {% endif %}
  {{ return(model.get('constraints', [])) }}
{% endmacro %}
{% macro get_column_constraints(column) %}
  {% set old = column.get('meta', {}).get('constraint') %}
  {% if config.get('persist_constraints', False) and old %}
    {{ return(databricks_constraints_to_dbt([old], column)) }}
  {% endif %}
  {{ return(column.get('constraints', [])) }}
{% endmacro %}
{% macro alter_set_non_null_constraint(relation, column) -%}
  ALTER {{ relation.type.render() }} {{ relation.render() }} ALTER COLUMN {{ adapter.quote(column) }} SET NOT NULL;
{%- endmacro -%}
{% macro alter_unset_non_null_constraint(relation, column) -%}
  ALTER {{ relation.type.render() }} {{ relation.render() }} ALTER COLUMN {{ adapter.quote(column) }} DROP NOT NULL;
{%- endmacro -%}
{% macro alter_set_constraint(relation, constraint) -%}
  ALTER {{ relation.type.render() }} {{ relation.render() }} ADD {{ constraint.render() }};
{%- endmacro -%}
{% macro alter_unset_constraint(relation, constraint) -%}
  {%- set name = constraint.name ~ ' CASCADE' if constraint.type == 'primary_key' else 'IF EXISTS ' ~ constraint.name %}
  ALTER {{ relation.type.render() }} {{ relation.render() }} DROP CONSTRAINT {{ name }};
{%- endmacro -%}

{# ── Incremental models ──────────────────────────────────────────────────── #}

{% macro get_incremental_strategy(file_format) %}
  {% do return(dbt_databricks_validate_get_incremental_strategy(config.get('incremental_strategy') or 'merge', file_format)) %}
{% endmacro %}
{% macro dbt_databricks_validate_get_incremental_strategy(raw_strategy, file_format) %}
  {% set complaint = 'Invalid incremental strategy provided: ' ~ raw_strategy ~ '\n' %}
  {% if raw_strategy not in adapter.valid_incremental_strategies() %}
    {{ log('WARNING - You are using an unsupported incremental strategy: ' ~ raw_strategy) }}
    {{ log('You can ignore this warning if you are using a custom incremental strategy') }}
  {% elif (raw_strategy == 'merge' and file_format not in ['delta', 'hudi'])
    or (raw_strategy in ['replace_where', 'microbatch', 'delete+insert'] and file_format != 'delta') %}
    {% do exceptions.raise_compiler_error(complaint ~ "You can only choose this strategy when file_format is set to 'delta'") %}
  {% elif raw_strategy == 'delete+insert' and config.get('unique_key') is none %}
    {% do exceptions.raise_compiler_error(complaint ~ "This strategy requires 'unique_key' to be configured") %}
  {% endif %}
  {% do return(raw_strategy) %}
{% endmacro %}

{% macro databricks__get_incremental_default_sql(arg_dict) %}{{ return(get_incremental_merge_sql(arg_dict)) }}{% endmacro %}
{% macro databricks__get_incremental_append_sql(arg_dict) %}
  {% do return(get_insert_into_sql(arg_dict['temp_relation'], arg_dict['target_relation'])) %}
{% endmacro %}
{% macro databricks__get_incremental_delete_insert_sql(arg_dict) %}{% do return(get_delete_insert_sql(arg_dict)) %}{% endmacro %}
{% macro get_incremental_replace_where_sql(arg_dict) %}
  {{ return(adapter.dispatch('get_incremental_replace_where_sql', 'dbt')(arg_dict)) }}
{% endmacro %}
{% macro databricks__get_incremental_replace_where_sql(arg_dict) %}{% do return(get_replace_where_sql(arg_dict)) %}{% endmacro %}
{% macro databricks__get_insert_overwrite_merge_sql(target, source, dest_columns, predicates, include_sql_header) %}
  {{ return(get_insert_overwrite_sql(source, target)) }}
{% endmacro %}
{% macro get_insert_into_sql(source_relation, target_relation) %}
  {%- set source_columns = adapter.get_columns_in_relation(source_relation) | map(attribute='name') | list -%}
  {%- set dest_columns = adapter.get_columns_in_relation(target_relation) | map(attribute='name') | list -%}
  {{ insert_into_sql_impl(target_relation, dest_columns, source_relation, source_columns) }}
{% endmacro %}

{% macro get_merge_update_set(update_columns, on_schema_change, source_columns, source_alias='DBT_INTERNAL_SOURCE') %}
  {%- if not update_columns and on_schema_change == 'ignore' -%}
    *
  {%- else -%}
    {%- for name in update_columns or source_columns -%}
      {{ adapter.quote(name) }} = {{ source_alias }}.{{ adapter.quote(name) }}{{ ', ' if not loop.last }}
    {%- endfor %}
  {%- endif -%}
{% endmacro %}
{% macro get_merge_insert(on_schema_change, source_columns, source_alias='DBT_INTERNAL_SOURCE') %}
  {%- if on_schema_change == 'ignore' -%}
    *
  {%- else -%}
    {%- set names = [] -%}
    {%- for name in source_columns -%}{%- do names.append(adapter.quote(name)) -%}{%- endfor -%}
    ({{ names | join(', ') }}) VALUES ({% for name in names %}{{ source_alias }}.{{ name }}{{ ', ' if not loop.last }}{% endfor %})
  {%- endif -%}
{% endmacro %}

{# ── Comments ────────────────────────────────────────────────────────────── #}

{% macro alter_relation_comment_sql(relation, description) %}
  COMMENT ON {{ relation.type.render().upper() }} {{ relation.render() }} IS '{{ description | replace("'", "\\'") }}'
{% endmacro %}
{% macro comment_on_column_sql(column_path, escaped_comment) %}
  {%- if adapter.has_dbr_capability('comment_on_column') -%}
    COMMENT ON COLUMN {{ column_path }} IS '{{ escaped_comment }}'
  {%- else -%}
    {{ alter_table_change_column_comment_sql(column_path, escaped_comment) }}
  {%- endif -%}
{% endmacro %}
{% macro alter_table_change_column_comment_sql(column_path, escaped_comment) %}
  {%- set parts = column_path.split('.') -%}
  {%- if parts | length < 4 -%}
    {{ exceptions.raise_compiler_error('Invalid column path: ' ~ column_path ~ '. Expected format: database.schema.table.column') }}
  {%- endif -%}
  ALTER TABLE {{ parts[:-1] | join('.') }} ALTER COLUMN {{ parts[-1] }} COMMENT '{{ escaped_comment }}'
{% endmacro %}
{% macro databricks__alter_column_comment(relation, column_dict) %}
  {% set format = adapter.resolve_file_format(config) %}
  {% if format in ['delta', 'hudi'] %}
    {% for column in column_dict.values() %}
      {% set path = relation.render() ~ '.' ~ adapter.quote(column['name']) %}
      {% set sql = comment_on_column_sql(path, column['description'] | replace("'", "\\'")) %}
      {{ run_query_as(sql, 'alter_column_comment', fetch_result=False) }}
    {% endfor %}
  {% else %}
    {{ log('WARNING - requested to update column comments, but file format ' ~ format ~ ' does not support that.') }}
  {% endif %}
{% endmacro %}
{% macro databricks__persist_docs(relation, model, for_relation, for_columns) -%}
  {%- if for_relation and config.persist_relation_docs() and model.description %}
    {{ run_query_as(alter_relation_comment_sql(relation, model.description), 'alter_relation_comment', fetch_result=False) }}
  {% endif %}
  {% if for_columns and config.persist_column_docs() and model.columns %}
    {{ alter_column_comment(
      relation, adapter.get_persist_doc_columns(adapter.get_columns_in_relation(relation), model.columns)
    ) }}
  {% endif %}
{% endmacro %}
{% macro get_column_comment_sql(column_name, column_dict) -%}
  {%- set text = (column_dict[column_name] or {})['description'] if column_name in column_dict -%}
  {{ adapter.quote(column_name) }}{{ " comment '" ~ text | replace("'", "\\'") ~ "'" if text }}
{%- endmacro %}
{% macro get_persist_docs_column_list(model_columns, query_columns) -%}
  {%- for name in query_columns -%}
    {{ get_column_comment_sql(name, model_columns) }}{{ ',\n\t' if not loop.last }}
  {%- endfor -%}
{% endmacro %}

{# ── Python models ───────────────────────────────────────────────────────── #}

{%- macro py_resolve_writer_format() -%}
  {%- set managed = config.get('table_format', default='default') == 'iceberg' and adapter.behavior.use_managed_iceberg -%}
  {{ return('iceberg' if managed else adapter.resolve_file_format(config)) }}
{%- endmacro -%}

{% macro py_try_import(library, var_name) -%}
# make sure {{ library }} exists before using it
try:
    import {{ library }}
    {{ var_name }} = True
except ImportError:
    {{ var_name }} = False
{% endmacro %}

{# ── Seeds and functions ─────────────────────────────────────────────────── #}

{% macro databricks__get_binding_char() %}{{ return('%s') }}{% endmacro %}
{% macro databricks__create_csv_table(model, agate_table) %}{{ return(create_or_replace_csv_table(model, agate_table)) }}{% endmacro %}
{% macro databricks__reset_csv_table(model, full_refresh, old_relation, agate_table) %}
  {% if old_relation and old_relation.can_be_replaced and adapter.resolve_file_format(config) in ['delta', 'iceberg'] %}
    {{ return(create_or_replace_csv_table(model, agate_table, True)) }}
  {% endif %}
  {{ adapter.drop_relation(old_relation) if old_relation }}
  {{ return(create_csv_table(model, agate_table)) }}
{% endmacro %}

{% macro databricks__scalar_function_create_replace_signature_sql(target_relation) %}
  CREATE OR REPLACE FUNCTION {{ target_relation.render() }} ({{ formatted_scalar_function_args_sql() }})
  RETURNS {{ model.returns.data_type }}
  LANGUAGE SQL
{% endmacro %}
{% macro databricks__scalar_function_body_sql() %}
  RETURN
  {{ model.compiled_code }}
{% endmacro %}
{% macro databricks__scalar_function_create_replace_signature_python(target_relation) %}
  CREATE OR REPLACE FUNCTION {{ target_relation.render() }} ({{ formatted_scalar_function_args_sql() }})
  RETURNS {{ model.returns.data_type }}
  LANGUAGE PYTHON
  AS
{% endmacro %}
{% macro databricks__scalar_function_body_python() %}
$$
{{ model.compiled_code }}
$$
{% endmacro %}
