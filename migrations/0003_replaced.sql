-- What stood there before a draft was written over it: whoever rejects the draft gets that back.

alter table drafts add column replaced text;
