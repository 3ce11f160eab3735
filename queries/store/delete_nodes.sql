delete from nodes where workspace_id = $1 and unique_id = any($2)
