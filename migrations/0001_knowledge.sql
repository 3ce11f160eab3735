-- What Ragstar knows of a workspace: the project as it was indexed last, and what people asked and thought of the answers.
-- Every table carries its workspace, and what dbt names is keyed by (workspace_id, unique_id).

create extension if not exists vector;

create table nodes (
    workspace_id text not null,
    unique_id text not null,
    resource_type text not null,
    name text not null,
    label text not null,
    package text not null,
    path text not null,
    description text,
    materialized text,
    tags text[] not null,
    content_hash bytea not null,
    updated_at timestamptz not null default now(),
    primary key (workspace_id, unique_id)
);

create table columns (
    workspace_id text not null,
    unique_id text not null,
    name text not null,
    position int not null,
    data_type text,
    description text,
    primary key (workspace_id, unique_id, name),
    foreign key (workspace_id, unique_id) references nodes on delete cascade
);

-- An edge may point at something that another push has yet to bring, so only its reader is a foreign key.
create table edges (
    workspace_id text not null,
    unique_id text not null,
    upstream_id text not null,
    primary key (workspace_id, unique_id, upstream_id),
    foreign key (workspace_id, unique_id) references nodes on delete cascade
);
create index edges_by_upstream on edges (workspace_id, upstream_id);

create table documents (
    workspace_id text not null,
    unique_id text not null,
    body text not null,
    primary key (workspace_id, unique_id),
    foreign key (workspace_id, unique_id) references nodes on delete cascade
);

create table chunks (
    chunk_id bigint generated always as identity primary key,
    workspace_id text not null,
    unique_id text not null,
    position int not null,
    content text not null,
    -- Prose has a meaning to embed; code is found by its words.
    embeds boolean not null,
    words tsvector not null generated always as (to_tsvector('english', translate(content, '_.', '  '))) stored,
    unique (workspace_id, unique_id, position),
    foreign key (workspace_id, unique_id) references documents on delete cascade
);
create index chunks_by_words on chunks using gin (words);

-- Vectors of several models live side by side; each model has an index of its own, made when its first vector comes.
create table embeddings (
    workspace_id text not null,
    chunk_id bigint not null references chunks on delete cascade,
    model_id text not null,
    dims int not null,
    embedding halfvec not null,
    primary key (chunk_id, model_id),
    check (vector_dims(embedding) = dims)
);

create table questions (
    workspace_id text not null,
    question_id uuid not null default gen_random_uuid(),
    thread_id text not null,
    mouth text not null,
    content text not null,
    words tsvector not null generated always as (to_tsvector('english', translate(content, '_.', '  '))) stored,
    asked_at timestamptz not null default now(),
    primary key (workspace_id, question_id)
);
create index questions_by_thread on questions (workspace_id, thread_id, asked_at);
create index questions_by_words on questions using gin (words);

create table answers (
    workspace_id text not null,
    answer_id uuid not null,
    question_id uuid not null,
    content text not null,
    citations jsonb not null,
    steps jsonb not null,
    sql text,
    model text,
    answered_at timestamptz not null default now(),
    primary key (workspace_id, answer_id),
    foreign key (workspace_id, question_id) references questions on delete cascade
);
create index answers_by_question on answers (workspace_id, question_id);

create table feedback (
    workspace_id text not null,
    feedback_id uuid not null default gen_random_uuid(),
    answer_id uuid not null,
    rating smallint not null check (rating in (-1, 1)),
    comment text,
    author text,
    given_at timestamptz not null default now(),
    primary key (workspace_id, feedback_id),
    foreign key (workspace_id, answer_id) references answers on delete cascade
);
create index feedback_by_answer on feedback (workspace_id, answer_id);

-- Deliveries of Slack that were taken; Slack sends again what it believes lost.
create table slack_events (
    workspace_id text not null,
    event_id text not null,
    taken_at timestamptz not null default now(),
    primary key (workspace_id, event_id)
);
