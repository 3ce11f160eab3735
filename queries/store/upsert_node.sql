insert into nodes (workspace_id, unique_id, resource_type, name, label, package, path, description, materialized, tags, content_hash)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
on conflict (workspace_id, unique_id) do update set
    resource_type = excluded.resource_type,
    name = excluded.name,
    label = excluded.label,
    package = excluded.package,
    path = excluded.path,
    description = excluded.description,
    materialized = excluded.materialized,
    tags = excluded.tags,
    content_hash = excluded.content_hash,
    updated_at = now()
