; The named parts of a query: its common table expressions.
(cte . (identifier) @name) @cte
