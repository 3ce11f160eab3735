-- Questions that share most of their words with this one and whose answers people called good, on the whole.
select questions.content as question, answers.content as answer
from questions
join answers using (workspace_id, question_id)
join lateral (
    select sum(rating) as rating from feedback
    where feedback.workspace_id = answers.workspace_id and feedback.answer_id = answers.answer_id
) as liked on liked.rating > 0
cross join lateral (
    select nullif(replace(plainto_tsquery('english', translate($2, '_.', '  '))::text, '&', '|'), '')::tsquery as query
) as asked
where questions.workspace_id = $1 and questions.words @@ asked.query
  and ts_rank(questions.words, asked.query, 0) > 0.03
order by ts_rank(questions.words, asked.query, 1) desc
limit $3
