--- Windows that show what only Ragstar's own requests tell: the compiled SQL of a file and the lineage of a node.
local ragstar = require('ragstar')

local M = {}

---@class ragstar.View
---@field client_id integer
---@field go fun(row: integer, column: integer): lsp.Location? the place that a place of the buffer stands for
---@field refresh fun()

---@type table<integer, ragstar.View>
local views = {}

---@param bufnr integer
---@param lines string[]
local function set_lines(bufnr, lines)
  vim.bo[bufnr].modifiable = true
  vim.api.nvim_buf_set_lines(bufnr, 0, -1, false, lines)
  vim.bo[bufnr].modifiable = false
  vim.bo[bufnr].modified = false
end

--- Goes to what the line at the cursor stands for, in another window.
local function go()
  local bufnr = vim.api.nvim_get_current_buf()
  local view = views[bufnr]
  local client = view and vim.lsp.get_client_by_id(view.client_id)
  if not client then
    ragstar.error('the server that this is from has ended')
    return
  end
  local row, column = unpack(vim.api.nvim_win_get_cursor(0))
  local place = view.go(row, column)
  if not place then
    ragstar.notify('nothing to go to here')
    return
  end
  vim.cmd.wincmd('p')
  if vim.api.nvim_get_current_buf() == bufnr then
    vim.cmd('aboveleft split')
  end
  vim.lsp.util.show_document(place, client.offset_encoding, { focus = true })
end

--- The buffer of that name, made and shown in a split if no window shows it.
---@param name string
---@param filetype string
---@param view ragstar.View
---@return integer bufnr
local function show(name, filetype, view)
  local bufnr
  for _, candidate in ipairs(vim.api.nvim_list_bufs()) do
    if vim.api.nvim_buf_get_name(candidate) == name then
      bufnr = candidate
    end
  end
  if not bufnr then
    bufnr = vim.api.nvim_create_buf(false, true)
    vim.api.nvim_buf_set_name(bufnr, name)
    vim.bo[bufnr].bufhidden = 'hide'
    vim.bo[bufnr].swapfile = false
    for _, key in ipairs({ '<CR>', 'gd' }) do
      vim.keymap.set('n', key, function()
        ragstar.protect(go)
      end, { buffer = bufnr, desc = 'Ragstar: go there' })
    end
    vim.keymap.set('n', 'R', function()
      local known = views[bufnr]
      if known then
        ragstar.protect(known.refresh)
      end
    end, { buffer = bufnr, desc = 'Ragstar: ask again' })
    vim.api.nvim_create_autocmd('BufWipeout', {
      buffer = bufnr,
      callback = function()
        views[bufnr] = nil
      end,
    })
  end
  views[bufnr] = view
  if vim.fn.bufwinid(bufnr) == -1 then
    vim.cmd('belowright vsplit')
    vim.api.nvim_win_set_buf(0, bufnr)
  end
  -- Only for its colours: no server is to attach to a text that nobody may edit.
  vim.bo[bufnr].syntax = filetype
  return bufnr
end

---@param bufnr integer
---@param method string
---@param params table
---@param done fun(client: vim.lsp.Client, result: table)
local function ask(bufnr, method, params, done)
  local client, why = ragstar.client(bufnr, require('ragstar.chat').root_of(bufnr))
  if not client then
    ragstar.error(why --[[@as string]])
    return
  end
  client:request(method, params, function(err, result)
    if err then
      ragstar.error(ragstar.error_text(err))
    else
      ragstar.protect(done, client, result or {})
    end
  end, bufnr)
end

-- Compiled SQL ------------------------------------------------------------------------------------

---@param a lsp.Position
---@param b lsp.Position
---@return boolean
local function is_before(a, b)
  return a.line < b.line or (a.line == b.line and a.character < b.character)
end

--- The place of the file that made this place of the compiled SQL: inside of plain text the very
--- character, inside of what Jinja wrote the beginning of its tag.
---@param map { compiled: lsp.Range, source: lsp.Range }[]
---@param at lsp.Position
---@return lsp.Range?
function M.source_of(map, at)
  for _, part in ipairs(map) do
    if not is_before(at, part.compiled.start) and is_before(at, part.compiled['end']) then
      local from, to = part.compiled, part.source
      local same_height = from['end'].line - from.start.line == to['end'].line - to.start.line
      if not same_height or from['end'].character - from.start.character ~= to['end'].character - to.start.character then
        return { start = to.start, ['end'] = to.start }
      end
      local line = at.line - from.start.line
      local character = line == 0 and to.start.character + at.character - from.start.character or at.character
      local place = { line = to.start.line + line, character = character }
      return { start = place, ['end'] = place }
    end
  end
end

--- Shows what the file comes to, as it stands in its buffer.
---@param uri? string the file; else the one of the current buffer
function M.compiled(uri)
  local source = uri and vim.uri_to_bufnr(uri) or vim.api.nvim_get_current_buf()
  uri = vim.uri_from_bufnr(source)
  ask(source, 'ragstar/compiled', { textDocument = { uri = uri } }, function(client, result)
    local text = (result.sql or ''):gsub('\n$', '')
    local lines = vim.split(text, '\n', { plain = true })
    for _, err in ipairs(result.errors or {}) do
      lines[#lines + 1] = ('-- line %d: %s'):format(err.range.start.line + 1, (err.message:gsub('%s*\n%s*', ' ')))
    end
    if type(result.note) == 'string' then
      lines[#lines + 1] = '-- as dbt parses it, since it asks the warehouse: ' .. result.note
    end
    local bufnr = show('ragstar-compiled://' .. vim.uri_to_fname(uri), 'sql', {
      client_id = client.id,
      go = function(row, column)
        local line = lines[row] or ''
        local character = vim.str_utfindex(line, client.offset_encoding, math.min(column, #line), false)
        local range = M.source_of(result.map or {}, { line = row - 1, character = character })
        return range and { uri = uri, range = range }
      end,
      refresh = function()
        M.compiled(uri)
      end,
    })
    set_lines(bufnr, lines)
  end)
end

-- Lineage -----------------------------------------------------------------------------------------

---@param node table
---@return string
local function label(node)
  local kind = node.materialized and ('%s, %s'):format(node.resourceType, node.materialized) or node.resourceType
  return ('%s (%s)'):format(node.label, kind)
end

--- The graph as two trees, and the node of each line. A node that has been shown above is not opened again.
---@param result table
---@return string[] lines
---@return table<integer, table> nodes by row
function M.lineage_lines(result)
  local nodes, up, down = {}, {}, {}
  for _, node in ipairs(result.nodes) do
    nodes[node.uniqueId] = node
  end
  for _, edge in ipairs(result.edges) do
    up[edge.to] = up[edge.to] or {}
    down[edge.from] = down[edge.from] or {}
    table.insert(up[edge.to], edge.from)
    table.insert(down[edge.from], edge.to)
  end
  local lines, at = {}, {}
  local function add(text, node)
    lines[#lines + 1] = text
    at[#lines] = node
  end
  local function tree(title, next_of, count)
    add('')
    local shown = {}
    local function walk(id, depth)
      local ids = next_of[id] or {}
      table.sort(ids)
      for _, other in ipairs(ids) do
        local node = nodes[other]
        local again = shown[other] and next_of[other]
        local beyond = not next_of[other] and (node[count] or 0) > 0
        local mark = again and '  ^ above' or beyond and ('  + %d'):format(node[count]) or ''
        add(('  '):rep(depth) .. label(node) .. mark, node)
        if not shown[other] then
          shown[other] = true
          walk(other, depth + 1)
        end
      end
    end
    local root = nodes[result.root]
    add(('%s: %d'):format(title, root[count] or 0))
    walk(result.root, 1)
  end
  add(label(nodes[result.root]), nodes[result.root])
  tree('Upstream', up, 'upstream')
  tree('Downstream', down, 'downstream')
  if result.more then
    add('')
    add('There is more; `:Ragstar lineage 5` goes five steps each way.')
  end
  return lines, at
end

--- Shows what the node of the file reads and what reads it.
---@param target { uri?: string, uniqueId?: string }
---@param steps? integer
function M.lineage(target, steps)
  local source = target.uri and vim.uri_to_bufnr(target.uri) or vim.api.nvim_get_current_buf()
  local uri = vim.uri_from_bufnr(source)
  ask(source, 'ragstar/lineage', {
    textDocument = { uri = uri },
    uniqueId = target.uniqueId,
    upstream = steps or 2,
    downstream = steps or 2,
  }, function(client, result)
    if type(result.root) ~= 'string' then
      ragstar.notify('no model, seed, snapshot or other node is in this file')
      return
    end
    local lines, nodes = M.lineage_lines(result)
    local bufnr = show('ragstar-lineage://' .. client.root_dir, '', {
      client_id = client.id,
      go = function(row)
        local node = nodes[row]
        return node and node.uri and { uri = node.uri, range = node.range }
      end,
      refresh = function()
        M.lineage({ uri = uri, uniqueId = result.root }, steps)
      end,
    })
    set_lines(bufnr, lines)
  end)
end

--- Goes to the YAML entry of the model of the current file.
function M.yaml()
  local bufnr = vim.api.nvim_get_current_buf()
  ask(bufnr, 'workspace/executeCommand', {
    command = 'ragstar.openYaml',
    arguments = { { uri = vim.uri_from_bufnr(bufnr) } },
  }, function() end)
end

-- Lenses ------------------------------------------------------------------------------------------

--- Commands of the server's lenses, by their names; `lsp/ragstar.lua` tells the server of them.
---@type table<string, fun(command: lsp.Command, ctx: table)>
M.commands = {
  ['ragstar.showReferences'] = function(command, ctx)
    local client = vim.lsp.get_client_by_id(ctx.client_id)
    local places = (command.arguments or {})[3] or {}
    local items = client and vim.lsp.util.locations_to_items(places, client.offset_encoding) or {}
    if #items == 1 and client then
      vim.lsp.util.show_document(places[1], client.offset_encoding, { focus = true })
    elseif #items > 1 then
      vim.fn.setqflist({}, ' ', { title = command.title, items = items })
      vim.cmd('botright copen')
    end
  end,
  ['ragstar.showLineage'] = function(command)
    M.lineage((command.arguments or {})[1] or {})
  end,
  ['ragstar.showCompiled'] = function(command)
    M.compiled(((command.arguments or {})[1] or {}).uri)
  end,
}

return M
