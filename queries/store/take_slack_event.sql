insert into slack_events (workspace_id, event_id) values ($1, $2) on conflict do nothing
