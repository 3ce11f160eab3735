; What a Jinja file defines: macros and variables.
(macro_block (macro_statement (function_call . (identifier) @name))) @macro

(set_statement
  . (expression (binary_expression (unary_expression (primary_expression (identifier) @name))))) @variable

(set_block
  (set_block_statement
    . (expression (binary_expression (unary_expression (primary_expression (identifier) @name)))))) @variable
