insert into columns (workspace_id, unique_id, name, position, data_type, description)
select $1, $2, part.name, part.position, part.data_type, part.description
from unnest($3::text[], $4::int[], $5::text[], $6::text[]) as part (name, position, data_type, description)
on conflict do nothing
