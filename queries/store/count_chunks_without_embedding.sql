select count(*) from chunks
where workspace_id = $1 and embeds
  and not exists (select 1 from embeddings where embeddings.chunk_id = chunks.chunk_id and embeddings.model_id = $2)
