-- Slack sends again for an hour at most; what is older has served.
with old as (
    delete from slack_events where workspace_id = $1 and taken_at < now() - interval '1 day'
)
insert into slack_events (workspace_id, event_id) values ($1, $2) on conflict do nothing
