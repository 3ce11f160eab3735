insert into drafts (workspace_id, kind, unique_id, column_name, content, origin, state, described, replaced)
select $1, * from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[])
on conflict (workspace_id, kind, unique_id, column_name) do update
set content = excluded.content, origin = excluded.origin, state = excluded.state, described = excluded.described, replaced = excluded.replaced, changed_at = now()
