insert into edges (workspace_id, unique_id, upstream_id)
select $1, $2, upstream_id from unnest($3::text[]) as part (upstream_id)
on conflict do nothing
