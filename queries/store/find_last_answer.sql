select answer_id::text from answers where workspace_id = $1 order by answered_at desc limit 1
