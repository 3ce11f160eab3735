; The sections of a properties file: keys at the start of a line (the reader drops those that are not). In text that does not
; parse, a section's key stands alone.
(block_mapping_pair key: (flow_node) @name) @section
(ERROR (flow_node) @name @section)

; The named entries below them; the second pattern finds the ones that have lost their list.
(block_sequence_item
  (block_node
    (block_mapping
      (block_mapping_pair
        key: (flow_node) @key
        value: (flow_node) @name
        (#eq? @key "name"))))) @entry

(block_mapping_pair
  key: (flow_node) @key
  value: (flow_node) @name
  (#eq? @key "name")) @entry

; The same between braces.
(flow_mapping
  (flow_pair
    key: (flow_node) @key
    value: (flow_node) @name
    (#eq? @key "name"))) @entry
