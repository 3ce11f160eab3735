select unique_id, content_hash from nodes where workspace_id = $1
