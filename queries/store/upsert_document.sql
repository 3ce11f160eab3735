insert into documents (workspace_id, unique_id, body)
values ($1, $2, $3)
on conflict (workspace_id, unique_id) do update set body = excluded.body
