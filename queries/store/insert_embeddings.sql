-- A chunk may have gone since its text was read.
insert into embeddings (workspace_id, chunk_id, model_id, dims, embedding)
select $1, part.chunk_id, $2, $3, part.embedding::halfvec
from unnest($4::bigint[], $5::text[]) as part (chunk_id, embedding)
join chunks on chunks.chunk_id = part.chunk_id and chunks.workspace_id = $1
on conflict (chunk_id, model_id) do nothing
