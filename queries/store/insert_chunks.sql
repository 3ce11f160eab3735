insert into chunks (workspace_id, unique_id, position, content, embeds)
select $1, $2, part.position, part.content, part.embeds
from unnest($3::int[], $4::text[], $5::boolean[]) as part (position, content, embeds)
