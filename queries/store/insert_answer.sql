insert into answers (workspace_id, answer_id, question_id, content, citations, steps, sql, model)
values ($1, $2, $3, $4, $5, $6, $7, $8)
