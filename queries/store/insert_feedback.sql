insert into feedback (workspace_id, answer_id, rating, comment, author)
select workspace_id, answer_id, $3, $4, $5 from answers where workspace_id = $1 and answer_id = $2
