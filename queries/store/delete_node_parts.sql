with gone_columns as (
    delete from columns where workspace_id = $1 and unique_id = $2
)
delete from edges where workspace_id = $1 and unique_id = $2
