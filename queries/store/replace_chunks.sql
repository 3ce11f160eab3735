-- A chunk whose text stays keeps its row, and with it its vectors.
with wanted as (
    select position::int - 1 as position, content, embeds
    from unnest($3::text[], $4::boolean[]) with ordinality as part (content, embeds, position)
),
stale as (
    delete from chunks
    where workspace_id = $1 and unique_id = $2
      and not exists (select 1 from wanted where wanted.position = chunks.position and wanted.content = chunks.content)
)
select position, content, embeds from wanted
where not exists (
    select 1 from chunks
    where chunks.workspace_id = $1 and chunks.unique_id = $2
      and chunks.position = wanted.position and chunks.content = wanted.content
)
