insert into chunks (workspace_id, unique_id, position, content)
select $1, $2, part.position, part.content
from unnest($3::int[], $4::text[]) as part (position, content)
