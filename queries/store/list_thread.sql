select question, answer from (
    select questions.content as question, answers.content as answer, questions.asked_at
    from questions
    join answers using (workspace_id, question_id)
    where questions.workspace_id = $1 and questions.thread_id = $2
    order by questions.asked_at desc
    limit $3
) as newest
order by asked_at
