insert into questions (workspace_id, thread_id, mouth, content) values ($1, $2, $3, $4) returning question_id
