-- Texts that nobody wrote by hand, and what people decided of them. They belong to no node, so that a node that goes for a while, as on
-- another branch, keeps them.

create table drafts (
    workspace_id text not null,
    kind text not null check (kind in ('description', 'interpretation')),
    unique_id text not null,
    -- Empty for the node itself.
    column_name text not null,
    content text not null,
    origin text not null,
    state text not null check (state in ('draft', 'accepted', 'rejected')),
    -- A mark of the code that it was written for; empty where no code makes it.
    described text not null,
    changed_at timestamptz not null default now(),
    primary key (workspace_id, kind, unique_id, column_name)
);
