select kind, unique_id, column_name, content, origin, state, described, replaced
from drafts
where workspace_id = $1
order by changed_at
