select
    (select count(*) from nodes where workspace_id = $1) as nodes,
    (select count(*) from chunks where workspace_id = $1) as chunks,
    (select count(*) from embeddings where workspace_id = $1) as embeddings,
    (select count(*) from answers where workspace_id = $1) as answers
