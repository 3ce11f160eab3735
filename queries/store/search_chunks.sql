-- Words and meaning, fused by reciprocal rank; of each node its best chunk counts. $1 workspace, $2 text, $3 limit, $4 model,
-- $5 vector (null: words only). The cast to the model's dimensions, which lets its index serve, is put in for {dims}.
with by_words as (
    select chunk_id, row_number() over (order by rank desc, chunk_id) as place
    from (
        select chunk_id, ts_rank_cd(words, query, 1) as rank
        from chunks, (
            -- Any of the words may hit: a question has more words than any description.
            select nullif(replace(plainto_tsquery('english', translate($2, '_.', '  '))::text, '&', '|'), '')::tsquery as query
        ) as asked
        where workspace_id = $1 and words @@ query
        order by rank desc
        limit 60
    ) as ranked
),
by_meaning as (
    select chunk_id, row_number() over (order by distance, chunk_id) as place
    from (
        select embeddings.chunk_id, embeddings.embedding::halfvec({dims}) <=> $5::halfvec({dims}) as distance
        from embeddings
        where embeddings.workspace_id = $1 and embeddings.model_id = $4
        order by embeddings.embedding::halfvec({dims}) <=> $5::halfvec({dims})
        limit 60
    ) as near
    -- Farther than this nothing is meant by both.
    where $5 is not null and distance < 0.8
),
fused as (
    -- A question's words hit more by chance than its meaning does.
    select chunk_id, sum(weight / (50 + place)) as score
    from (select chunk_id, place, 0.7 as weight from by_words union all select chunk_id, place, 1.0 from by_meaning) as hits
    group by chunk_id
),
best as (
    select distinct on (chunks.unique_id) chunks.unique_id, fused.score, chunks.content
    from fused join chunks using (chunk_id)
    order by chunks.unique_id, fused.score desc
)
select unique_id, score::float8 as score, content from best order by score desc, unique_id limit $3
