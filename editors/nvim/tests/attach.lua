-- Checks the plugin and the server together, in a Neovim without any other configuration:
--
--   RAGSTAR_BIN=… RAGSTAR_PROJECT=… nvim --clean --headless -l editors/nvim/tests/attach.lua
--
-- RAGSTAR_PROJECT is a copy of the project `tests/fixtures/shop`, since one of its files is changed.
-- Prints `ok <name>` or `FAIL <name>: why` for each check, and exits with 1 if any failed.

local TIMEOUT = 10000
-- A language model on the same machine takes its time.
local PATIENCE = tonumber(os.getenv('RAGSTAR_TEST_PATIENCE')) or 3 * TIMEOUT

local failures = 0

---@param line string
local function say(line)
  -- `print` goes to the standard error under `nvim -l`, and leaves the last line open.
  io.stdout:write(line, '\n')
  io.stdout:flush()
end

local function finish()
  if failures > 0 then
    vim.cmd('cquit 1')
  end
  vim.cmd('qall!')
end

---@param name string
---@param ok any
---@param why? any
---@return boolean
local function check(name, ok, why)
  if ok then
    say('ok ' .. name)
    return true
  end
  failures = failures + 1
  why = type(why) == 'string' and why or vim.inspect(why)
  say(('FAIL %s: %s'):format(name, (why:gsub('%s*\n%s*', ' '):sub(1, 600))))
  return false
end

--- Runs one check that may use everything in Neovim, so an error in it fails only itself.
---@param name string
---@param fn fun(): any, any
---@return boolean
local function case(name, fn)
  local ran, ok, why = pcall(fn)
  if not ran then
    return check(name, false, ok)
  end
  return check(name, ok, why)
end

local binary = os.getenv('RAGSTAR_BIN')
local project = os.getenv('RAGSTAR_PROJECT')
if not binary or not project then
  check('environment', false, 'RAGSTAR_BIN and RAGSTAR_PROJECT must be set')
  finish()
end
project = vim.fs.normalize(assert(vim.uv.fs_realpath(project), 'RAGSTAR_PROJECT does not exist'))

local script = vim.fn.fnamemodify(debug.getinfo(1, 'S').source:sub(2), ':p')
vim.opt.runtimepath:prepend(vim.fs.dirname(vim.fs.dirname(script)))
vim.o.swapfile = false
-- Under `-l` Neovim loads no plugin files by itself.
vim.g.ragstar_cmd = { binary, 'lsp' }
vim.cmd.runtime('plugin/ragstar.lua')
vim.cmd('filetype on')

local messages = {}
---@diagnostic disable-next-line: duplicate-set-field
vim.notify = function(message)
  messages[#messages + 1] = message
end

-- How the server ended is told nowhere else.
local exit
local on_exit = vim.lsp.config.ragstar.on_exit
vim.lsp.config('ragstar', {
  on_exit = function(code, signal, id)
    exit = { code = code, signal = signal }
    on_exit(code, signal, id)
  end,
})

---@param path string relative to the project
---@return integer bufnr
local function open(path)
  vim.cmd.edit({ vim.fn.fnameescape(project .. '/' .. path), bang = true })
  return vim.api.nvim_get_current_buf()
end

---@param bufnr integer
---@return vim.lsp.Client?
local function attached(bufnr)
  local client
  vim.wait(TIMEOUT, function()
    client = vim.lsp.get_clients({ bufnr = bufnr, name = 'ragstar' })[1]
    return client ~= nil and client.initialized == true
  end, 20)
  return client
end

---@param path? string
---@return string
local function real(path)
  return vim.fs.normalize(path and vim.uv.fs_realpath(path) or path or '')
end

-- Attach ------------------------------------------------------------------------------------------

local buf = open('models/marts/core/fct_orders.sql')
local client = attached(buf)
if
  not check('attach', client, {
    filetype = vim.bo[buf].filetype,
    executable = vim.fn.executable(binary),
    exit = exit or 'none',
    messages = messages,
  })
then
  finish()
  return
end
---@cast client vim.lsp.Client

check('root', real(client.root_dir) == project, client.root_dir)

case('package file joins its project', function()
  local found = vim.fn.globpath(project .. '/dbt_packages', '*/**/*.sql', true, true)[1]
  if not found then
    return false, 'the project has no installed package'
  end
  local root = require('ragstar').root(found)
  return real(root) == project, { file = found, root = root or 'none' }
end)

case('no attach outside a project', function()
  local file = vim.fn.tempname() .. '.sql'
  vim.fn.writefile({ 'select 1' }, file)
  vim.cmd.edit(vim.fn.fnameescape(file))
  local other = vim.api.nvim_get_current_buf()
  vim.wait(300, function()
    return #vim.lsp.get_clients({ bufnr = other }) > 0
  end, 20)
  local count, filetype = #vim.lsp.get_clients({ bufnr = other }), vim.bo[other].filetype
  vim.cmd.buffer(buf)
  vim.api.nvim_buf_delete(other, { force = true })
  return filetype == 'sql' and count == 0, { filetype = filetype, clients = count }
end)

-- Requests ----------------------------------------------------------------------------------------

local last_error

---@param method string
---@param params table
---@param bufnr? integer
---@return any
local function request(method, params, bufnr)
  local responses, err = vim.lsp.buf_request_sync(bufnr or buf, method, params, TIMEOUT)
  local response = responses and responses[client.id] or {}
  last_error = err or response.err or response.error
  return response.result
end

--- Asks until the answer is good, because the index is built in the background.
---@param method string
---@param params table|fun(): table
---@param good fun(result: any): any
---@param bufnr? integer
---@return any good, any result
local function request_until(method, params, good, bufnr)
  local deadline = vim.uv.now() + TIMEOUT
  local result, value
  repeat
    result = request(method, type(params) == 'function' and params() or params, bufnr)
    value = result ~= nil and good(result) or nil
    if value then
      return value, result
    end
    vim.wait(100)
    vim.uv.update_time()
  until vim.uv.now() > deadline
  return nil, { method = method, result = result or 'none', err = last_error }
end

---@param win? integer
local function here(win)
  return vim.lsp.util.make_position_params(win or 0, client.offset_encoding)
end

local original = vim.api.nvim_buf_get_lines(buf, 0, -1, false)

local ref_row, ref_col, model
for row, line in ipairs(original) do
  local _, stop, name = line:find('ref%s*%(%s*[\'"]([%w_]+)')
  if stop then
    ref_row, ref_col, model = row, stop - #name, name
    break
  end
end
if not check('the model has a ref', model, 'no ref(…) in it') then
  finish()
  return
end
local ref_line = original[ref_row]

local function at_ref()
  vim.api.nvim_win_set_cursor(0, { ref_row, ref_col + 2 })
  return here()
end

local function restore()
  vim.api.nvim_buf_set_lines(buf, 0, -1, false, original)
  vim.bo[buf].modified = false
end

local function in_our_buffer()
  vim.wait(1, function()
    return false
  end)
  return vim.tbl_filter(function(diagnostic)
    return diagnostic.source == 'ragstar'
  end, vim.diagnostic.get(buf))
end

case('hover', function()
  return request_until('textDocument/hover', at_ref, function(hover)
    local lines = vim.lsp.util.convert_input_to_markdown_lines(hover.contents)
    return table.concat(lines, '\n'):find(model, 1, true)
  end)
end)

case('definition', function()
  return request_until('textDocument/definition', at_ref, function(result)
    for _, location in ipairs(vim.islist(result) and result or { result }) do
      local path = vim.uri_to_fname(location.targetUri or location.uri)
      if vim.fs.basename(path) == model .. '.sql' and vim.uv.fs_stat(path) then
        return true
      end
    end
  end)
end)

case('completion', function()
  -- The statement is as someone leaves it in the middle of typing.
  local typed = ref_line:sub(1, ref_col)
  vim.api.nvim_buf_set_lines(buf, ref_row - 1, ref_row, false, { typed })
  vim.api.nvim_win_set_cursor(0, { ref_row, #typed })
  local ok, why = request_until('textDocument/completion', function()
    local params = here()
    -- The cursor of normal mode cannot stand behind the last character, the one of insert mode does.
    params.position.character = vim.str_utfindex(typed, client.offset_encoding)
    params.context = { triggerKind = 1 }
    return params
  end, function(result)
    return vim.iter(result.items or result):any(function(item)
      return item.label == 'dim_customers' or item.filterText == 'dim_customers' or item.insertText == 'dim_customers'
    end)
  end)
  restore()
  return ok, why
end)

case('document symbols', function()
  local cte
  for _, line in ipairs(original) do
    cte = cte or line:match('^%s*[wW][iI][tT][hH]%s+([%w_]+)%s+[aA][sS]%s*%(')
  end
  assert(cte, 'the model has no CTE')
  local function contains(symbols)
    return vim.iter(symbols or {}):any(function(symbol)
      return symbol.name == cte or contains(symbol.children)
    end)
  end
  return request_until('textDocument/documentSymbol', {
    textDocument = vim.lsp.util.make_text_document_params(buf),
  }, contains)
end)

case('diagnostics', function()
  local before = #in_our_buffer()
  vim.api.nvim_buf_set_lines(buf, ref_row - 1, ref_row, false, {
    ref_line:sub(1, ref_col) .. 'no_such_model_xyz' .. ref_line:sub(ref_col + #model + 1),
  })
  local function shown()
    return vim.iter(in_our_buffer()):any(function(diagnostic)
      return diagnostic.lnum == ref_row - 1
    end)
  end
  local appeared = vim.wait(TIMEOUT, shown, 50)
  local seen = vim.diagnostic.get(buf)
  restore()
  if not appeared then
    return false, { before = before, seen = seen }
  end
  local gone = vim.wait(TIMEOUT, function()
    return not shown()
  end, 50)
  return gone, 'the diagnostic stays after the text is as before'
end)

case('workspace symbols', function()
  return request_until('workspace/symbol', { query = 'fct_orders' }, function(symbols)
    return vim.iter(symbols):any(function(symbol)
      return symbol.name == 'fct_orders'
    end)
  end)
end)

-- Views -------------------------------------------------------------------------------------------

--- Runs a command of ours in the model's buffer and waits for the window that it opens.
---@param command string
---@param scheme string
---@return integer? bufnr
local function view(command, scheme)
  vim.api.nvim_set_current_buf(buf)
  vim.cmd(command)
  local found
  vim.wait(TIMEOUT, function()
    local current = vim.api.nvim_get_current_buf()
    local is_view = vim.startswith(vim.api.nvim_buf_get_name(current), scheme)
    found = is_view and vim.api.nvim_buf_line_count(current) > 1 and current or nil
    return found
  end, 20)
  return found
end

--- The row of the first line that has the text.
---@param bufnr integer
---@param text string
---@return integer?
local function row_of(bufnr, text)
  for row, line in ipairs(vim.api.nvim_buf_get_lines(bufnr, 0, -1, false)) do
    if line:find(text, 1, true) then
      return row
    end
  end
end

local function press_enter()
  vim.api.nvim_feedkeys(vim.api.nvim_replace_termcodes('<CR>', true, false, true), 'x', false)
end

case('compiled SQL', function()
  local made = view('Ragstar compiled', 'ragstar-compiled://')
  assert(made, { 'no window', messages })
  local text = table.concat(vim.api.nvim_buf_get_lines(made, 0, -1, false), '\n')
  assert(not text:find('{{', 1, true), text)
  -- The model may be ephemeral, and then its own SQL comes first; what the ref made is last.
  local row, line
  for at, candidate in ipairs(vim.api.nvim_buf_get_lines(made, 0, -1, false)) do
    if candidate:find('from .*' .. model) then
      row, line = at, candidate
    end
  end
  assert(row, text)
  vim.api.nvim_win_set_cursor(0, { row, (line:find(model, 1, true)) })
  press_enter()
  local at, name = vim.api.nvim_win_get_cursor(0), vim.api.nvim_buf_get_name(0)
  local ok = vim.api.nvim_get_current_buf() == buf and at[1] == ref_row
  vim.cmd('silent only')
  return ok, { at = at, name = name, wanted = ref_row, messages }
end)

case('lineage', function()
  local made = view('Ragstar lineage', 'ragstar-lineage://')
  assert(made, { 'no window', messages })
  local lines = vim.api.nvim_buf_get_lines(made, 0, -1, false)
  local row = row_of(made, '  ' .. model .. ' (')
  assert(lines[1]:find('fct_orders', 1, true) and row, lines)
  vim.api.nvim_win_set_cursor(0, { row, 0 })
  press_enter()
  local name = vim.fs.basename(vim.api.nvim_buf_get_name(0))
  vim.cmd('silent only')
  return name == model .. '.sql', { name = name, lines = lines }
end)

case('YAML of the model', function()
  vim.api.nvim_set_current_buf(buf)
  vim.cmd('Ragstar yaml')
  local there = vim.wait(TIMEOUT, function()
    return vim.api.nvim_buf_get_name(0):match('%.yml$') ~= nil
  end, 20)
  local line = vim.api.nvim_get_current_line()
  return there and line:find('fct_orders', 1, true), { there = there, line = line, messages }
end)

case('lenses run', function()
  vim.api.nvim_set_current_buf(buf)
  local lens, lenses = request_until('textDocument/codeLens', {
    textDocument = vim.lsp.util.make_text_document_params(buf),
  }, function(found)
    return vim.iter(found):find(function(one)
      return one.command and one.command.command == 'ragstar.showLineage'
        or one.command and one.command.command == 'ragstar.showReferences'
    end)
  end)
  assert(lens, lenses)
  client:exec_cmd(lens.command, { bufnr = buf })
  local opened = vim.wait(TIMEOUT, function()
    return #vim.fn.getqflist() > 0 or vim.api.nvim_get_current_buf() ~= buf
  end, 20)
  vim.cmd('silent! cclose')
  vim.cmd('silent only')
  vim.api.nvim_set_current_buf(buf)
  return opened, lens
end)

-- Code action -------------------------------------------------------------------------------------

--- The rows of a column's entry in a properties file: its own, and the one after its last.
---@param lines string[]
---@return integer?, integer?
local function entry(lines, resource, column)
  local first, inside
  for row, line in ipairs(lines) do
    local indent, name = line:match('^(%s*)%- name:%s*[\'"]?([%w_]+)')
    if first and (name or line:match('^%S')) then
      return first, row
    end
    if name == resource then
      inside = #indent
    elseif name and inside and #indent <= inside then
      inside = nil
    elseif name == column and inside then
      first = row
    end
  end
  return first, first and #lines + 1
end

-- With a language model a column that nothing can be taken over for.
local has_model = os.getenv('LLM_CHAT_BASE_URL') ~= nil
local described_model, described_column = 'dim_customers', 'country_code'
if has_model then
  described_model, described_column = 'dim_dates', 'quarter_start'
end

case('code action', function()
  local yaml = open('models/marts/core/_core__models.yml')
  local yaml_client = attached(yaml)
  assert(yaml_client and yaml_client.id == client.id, 'the client of the project is not attached to the YAML file')
  local before = vim.api.nvim_buf_get_lines(yaml, 0, -1, false)
  local row, stop = entry(before, described_model, described_column)
  assert(row, 'no such column in the file')
  for _, line in ipairs(vim.list_slice(before, row, stop - 1)) do
    assert(not line:find('description:', 1, true), 'the column has a description already')
  end
  vim.api.nvim_win_set_cursor(0, { row, (before[row]:find(described_column, 1, true)) })

  local offered, why = request_until('textDocument/codeAction', function()
    local params = vim.lsp.util.make_range_params(0, client.offset_encoding)
    params.context = { diagnostics = {}, triggerKind = 1 }
    return params
  end, function(actions)
    return vim.iter(actions):any(function(action)
      return vim.startswith(action.title, 'Write description')
    end)
  end, yaml)
  if not offered then
    return false, why
  end

  -- Applied in the way a user does, which resolves the action first if the server wants that.
  local tick = vim.api.nvim_buf_get_changedtick(yaml)
  vim.cmd('Ragstar describe')
  local changed = vim.wait(PATIENCE, function()
    return vim.api.nvim_buf_get_changedtick(yaml) ~= tick
  end, 50)
  if not changed then
    return false, { 'the buffer did not change', messages }
  end
  vim.cmd('silent write')

  local after = vim.fn.readfile(project .. '/models/marts/core/_core__models.yml')
  local first, last = entry(after, described_model, described_column)
  assert(first, 'the column is gone')
  local written = vim.iter(vim.list_slice(after, first, last - 1)):any(function(line)
    return line:match('^%s+description:') ~= nil
  end)
  if not written then
    return false, vim.list_slice(after, first, last - 1)
  end
  -- People's comments and layout are theirs: each old line is still there, in the old order.
  local next_row = 1
  for _, line in ipairs(after) do
    if line == before[next_row] then
      next_row = next_row + 1
    end
  end
  return next_row > #before, ('line %d is no longer as it was: %s'):format(next_row, before[next_row] or '')
end)

if has_model then
  case('draft accepted', function()
    local yaml = vim.api.nvim_get_current_buf()
    local function drafts()
      return vim.tbl_filter(function(diagnostic)
        return diagnostic.code == 'draft-description'
      end, vim.diagnostic.get(yaml))
    end
    local told = vim.wait(TIMEOUT, function()
      return #drafts() > 0
    end, 50)
    assert(told, { 'no draft is told', vim.diagnostic.get(yaml) })
    local draft = drafts()[1]
    vim.api.nvim_win_set_cursor(0, { draft.lnum + 1, draft.col })
    vim.lsp.buf.code_action({
      apply = true,
      filter = function(action)
        return vim.startswith(action.title, 'Accept draft')
      end,
    })
    local gone = vim.wait(TIMEOUT, function()
      return #drafts() == 0
    end, 50)
    return gone, { 'the draft is still told', messages }
  end)
end

-- Exit --------------------------------------------------------------------------------------------

case('clean exit', function()
  client:stop()
  local gone = vim.wait(TIMEOUT, function()
    return client:is_stopped() and vim.lsp.get_client_by_id(client.id) == nil and exit ~= nil
  end, 20)
  return gone and exit.code == 0 and exit.signal == 0, { gone = gone, exit = exit or 'none', messages = messages }
end)

finish()
