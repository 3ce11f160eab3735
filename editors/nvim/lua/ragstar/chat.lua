local ragstar = require('ragstar')

local M = {}

local ns = vim.api.nvim_create_namespace('ragstar.chat')

---@class ragstar.Chat
---@field root string the project it is about
---@field bufnr integer
---@field encoding string position encoding of the server that the citations come from
---@field thread_id? string
---@field source_buf? integer the file that the last question was asked from
---@field sources table<integer, table> citation of a source line, by the id of its extmark
---@field running? ragstar.Run

---@class ragstar.Run
---@field token string
---@field client_id integer
---@field request_id? integer
---@field first integer 0-based row where the answer begins
---@field step? integer extmark of the line that says what the server is doing

---@type table<string, ragstar.Chat>
local by_root = {}
---@type table<integer, ragstar.Chat>
local by_buf = {}
---@type table<string, ragstar.Chat>
local by_token = {}

local last_token = 0

---@param chat ragstar.Chat
---@return boolean
local function alive(chat)
  return vim.api.nvim_buf_is_valid(chat.bufnr) and vim.api.nvim_buf_is_loaded(chat.bufnr)
end

--- Changes the buffer, which is otherwise closed to changes, and keeps windows that were at its end
--- there. A reader who scrolled up stays where they are.
---@param chat ragstar.Chat
---@param change fun(bufnr: integer)
local function edit(chat, change)
  local bufnr = chat.bufnr
  local last = vim.api.nvim_buf_line_count(bufnr)
  local following = vim.tbl_filter(function(win)
    return vim.api.nvim_win_get_cursor(win)[1] >= last
  end, vim.fn.win_findbuf(bufnr))
  vim.bo[bufnr].modifiable = true
  change(bufnr)
  vim.bo[bufnr].modifiable = false
  vim.bo[bufnr].modified = false
  last = vim.api.nvim_buf_line_count(bufnr)
  for _, win in ipairs(following) do
    vim.api.nvim_win_set_cursor(win, { last, 0 })
  end
end

---@param text string
---@return string[]
local function to_lines(text)
  return vim.split((text:gsub('\r\n?', '\n')), '\n', { plain = true })
end

---@param chat ragstar.Chat
---@param text string
local function append(chat, text)
  edit(chat, function(bufnr)
    local row = vim.api.nvim_buf_line_count(bufnr) - 1
    local col = #vim.api.nvim_buf_get_lines(bufnr, row, row + 1, false)[1]
    vim.api.nvim_buf_set_text(bufnr, row, col, row, col, to_lines(text))
  end)
end

--- Shows what the server is doing in a dim line at the end, or removes that line.
---@param chat ragstar.Chat
---@param title? string
local function show_step(chat, title)
  local run = chat.running
  if not run then
    return
  end
  if title then
    local row = vim.api.nvim_buf_line_count(chat.bufnr) - 1
    local chunks = { { '… ' .. title:gsub('%s+', ' '), 'Comment' } }
    -- A line below the last one is out of sight when the window is full, so an empty line is used
    -- where there is one.
    local empty = vim.api.nvim_buf_get_lines(chat.bufnr, row, row + 1, false)[1] == ''
    run.step = vim.api.nvim_buf_set_extmark(chat.bufnr, ns, row, 0, {
      id = run.step,
      virt_text = empty and chunks or nil,
      virt_text_pos = empty and 'overlay' or nil,
      virt_lines = not empty and { chunks } or nil,
    })
  elseif run.step then
    vim.api.nvim_buf_del_extmark(chat.bufnr, ns, run.step)
    run.step = nil
  end
end

---@param chat ragstar.Chat
local function stop_running(chat)
  if chat.running then
    if alive(chat) then
      show_step(chat)
    end
    by_token[chat.running.token] = nil
    chat.running = nil
  end
end

--- Ends a question without an answer. What has been streamed stays, since it may be useful.
---@param chat ragstar.Chat
---@param why string
local function fail(chat, why)
  stop_running(chat)
  if alive(chat) then
    local last = vim.api.nvim_buf_get_lines(chat.bufnr, -2, -1, false)[1]
    append(chat, (last == '' and '' or '\n\n') .. '*' .. why:gsub('%s+', ' ') .. '*\n')
  end
end

---@param chat ragstar.Chat
local function cancel(chat)
  local run = chat.running
  if not run then
    return
  end
  local client = vim.lsp.get_client_by_id(run.client_id)
  if client and run.request_id then
    client:cancel_request(run.request_id)
  end
  fail(chat, 'Stopped.')
end

---@param chat ragstar.Chat
---@param citation table
---@return string
local function source_text(chat, citation)
  local text = citation.uniqueId or citation.uri or '?'
  if citation.column then
    text = text .. '.' .. citation.column
  end
  if not citation.uri then
    return text
  end
  local path = vim.fs.normalize(vim.uri_to_fname(citation.uri))
  path = vim.fs.relpath(chat.root, path) or vim.fn.fnamemodify(path, ':~')
  local line = vim.tbl_get(citation, 'range', 'start', 'line')
  return ('%s (%s%s)'):format(text, path, line and ':' .. (line + 1) or '')
end

--- Replaces what was streamed by the finished answer, which is the one that was checked.
---@param chat ragstar.Chat
---@param run ragstar.Run
---@param result table
local function finish(chat, run, result)
  local lines = to_lines(vim.trim(result.markdown or ''))
  -- The statement is usually quoted in the answer; twice would be noise.
  local sql = type(result.sql) == 'string' and vim.trim(result.sql) or ''
  if sql ~= '' and not (result.markdown or ''):find(sql, 1, true) then
    vim.list_extend(lines, { '', '```sql' })
    vim.list_extend(lines, to_lines(sql))
    lines[#lines + 1] = '```'
  end
  local missing = result.missing
  if type(missing) == 'table' then
    missing = table.concat(
      vim.tbl_map(function(item)
        return type(item) == 'string' and item or vim.inspect(item, { newline = ' ', indent = '' })
      end, missing),
      '; '
    )
  end
  if type(missing) == 'string' and missing ~= '' then
    vim.list_extend(lines, { '', 'Missing: ' .. missing:gsub('%s*\n%s*', ' ') })
  end
  local marks = {}
  if type(result.citations) == 'table' and #result.citations > 0 then
    vim.list_extend(lines, { '', 'Sources:', '' })
    for number, citation in ipairs(result.citations) do
      lines[#lines + 1] = ('%d. %s'):format(number, source_text(chat, citation):gsub('\n', ' '))
      marks[#marks + 1] = { row = run.first + #lines - 1, citation = citation }
    end
  end
  lines[#lines + 1] = ''
  edit(chat, function(bufnr)
    vim.api.nvim_buf_set_lines(bufnr, run.first, -1, false, lines)
    for _, mark in ipairs(marks) do
      local text = lines[mark.row - run.first + 1]
      local id = vim.api.nvim_buf_set_extmark(bufnr, ns, mark.row, #text:match('^%d+%. '), {
        end_col = #text,
        hl_group = mark.citation.uri and 'Underlined' or 'Comment',
      })
      chat.sources[id] = mark.citation
    end
  end)
end

--- Goes to the source on the cursor's line, in a window other than the chat's.
---@param chat ragstar.Chat
---@param key string
local function jump(chat, key)
  local row = vim.api.nvim_win_get_cursor(0)[1] - 1
  local citation
  for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(chat.bufnr, ns, { row, 0 }, { row, -1 }, {})) do
    citation = citation or chat.sources[mark[1]]
  end
  if not citation then
    -- Elsewhere the key keeps its own meaning.
    vim.api.nvim_feedkeys(vim.keycode(key), 'n', false)
    return
  end
  if not citation.uri then
    ragstar.notify(('%s has no file in this project'):format(citation.uniqueId or 'this source'))
    return
  end
  local fname = vim.uri_to_fname(citation.uri)
  if not vim.uv.fs_stat(fname) and vim.fn.bufexists(fname) == 0 then
    ragstar.error(fname .. ' no longer exists')
    return
  end
  local function usable(win)
    local bufnr = vim.api.nvim_win_get_buf(win)
    return vim.bo[bufnr].buftype == '' and vim.api.nvim_win_get_config(win).relative == ''
  end
  local target = vim.fn.win_getid(vim.fn.winnr('#'))
  if target == 0 or not usable(target) then
    target = vim.iter(vim.api.nvim_tabpage_list_wins(0)):find(usable)
  end
  if target then
    vim.api.nvim_set_current_win(target)
  else
    vim.cmd('aboveleft split')
  end
  -- Without a range the start of the file is as good as any place.
  local zero = { line = 0, character = 0 }
  local range = citation.range or { start = zero, ['end'] = zero }
  vim.lsp.util.show_document({ uri = citation.uri, range = range }, chat.encoding, { focus = true })
end

---@param root string
---@return ragstar.Chat
local function new_chat(root)
  local bufnr = vim.api.nvim_create_buf(false, true)
  local chat = { root = root, bufnr = bufnr, encoding = 'utf-16', sources = {} }
  by_root[root] = chat
  by_buf[bufnr] = chat
  -- One name for each project, which is not a file name so that nothing attaches to it.
  pcall(vim.api.nvim_buf_set_name, bufnr, ('ragstar://%s/%d'):format(vim.fs.basename(root), bufnr))
  vim.bo[bufnr].bufhidden = 'hide'
  vim.bo[bufnr].swapfile = false
  vim.bo[bufnr].undolevels = -1
  vim.bo[bufnr].filetype = 'markdown'
  vim.bo[bufnr].modifiable = false
  for _, key in ipairs({ '<CR>', 'gd' }) do
    vim.keymap.set('n', key, function()
      ragstar.protect(jump, chat, key)
    end, { buffer = bufnr, desc = 'Ragstar: go to the source' })
  end
  vim.keymap.set('n', '<C-c>', function()
    ragstar.protect(cancel, chat)
  end, { buffer = bufnr, desc = 'Ragstar: stop the answer' })
  vim.api.nvim_create_autocmd({ 'BufUnload', 'BufWipeout' }, {
    buffer = bufnr,
    desc = 'Ragstar: the conversation ends with its buffer',
    callback = function()
      by_buf[bufnr] = nil
      if by_root[root] == chat then
        by_root[root] = nil
      end
      local run = chat.running
      if run then
        by_token[run.token] = nil
        chat.running = nil
        local client = vim.lsp.get_client_by_id(run.client_id)
        if client and run.request_id then
          client:cancel_request(run.request_id)
        end
      end
    end,
  })
  return chat
end

---@param chat ragstar.Chat
local function show(chat)
  local win = vim.fn.bufwinid(chat.bufnr)
  if win == -1 then
    vim.cmd('botright split')
    win = vim.api.nvim_get_current_win()
    vim.api.nvim_win_set_buf(win, chat.bufnr)
    vim.wo[win][0].wrap = true
    vim.wo[win][0].linebreak = true
  else
    vim.api.nvim_set_current_win(win)
  end
  vim.api.nvim_win_set_cursor(win, { vim.api.nvim_buf_line_count(chat.bufnr), 0 })
end

---@param chat ragstar.Chat
---@param client vim.lsp.Client
---@param question string
local function send(chat, client, question)
  local params = { message = question, threadId = chat.thread_id }
  if chat.source_buf and not vim.api.nvim_buf_is_valid(chat.source_buf) then
    chat.source_buf = nil
  end
  if chat.source_buf and vim.lsp.buf_is_attached(chat.source_buf, client.id) then
    params.textDocument = { uri = vim.uri_from_bufnr(chat.source_buf) }
  end
  last_token = last_token + 1
  params.partialResultToken = 'ragstar-chat-' .. last_token

  local count = vim.api.nvim_buf_line_count(chat.bufnr)
  local empty = count == 1 and vim.api.nvim_buf_get_lines(chat.bufnr, 0, 1, false)[1] == ''
  append(chat, (empty and '' or '\n') .. '## ' .. question:gsub('%s+', ' ') .. '\n\n')
  ---@type ragstar.Run
  local run = {
    token = params.partialResultToken,
    client_id = client.id,
    first = vim.api.nvim_buf_line_count(chat.bufnr) - 1,
  }
  chat.running = run
  chat.encoding = client.offset_encoding
  by_token[run.token] = chat
  show_step(chat, 'Thinking')

  local sent, request_id = client:request('ragstar/chat', params, function(err, result)
    -- A question that was stopped, or whose buffer is gone, has nowhere to put an answer.
    if chat.running ~= run then
      return
    end
    if err or type(result) ~= 'table' then
      local why = err and ragstar.error_text(err) or 'the server gave no answer'
      fail(chat, why)
      ragstar.error(why)
      return
    end
    stop_running(chat)
    chat.thread_id = result.threadId or chat.thread_id
    ragstar.protect(finish, chat, run, result)
  end, chat.source_buf or chat.bufnr)
  if not sent then
    fail(chat, 'The server is not running.')
    ragstar.error('the server is not running; try :Ragstar restart')
    return
  end
  run.request_id = request_id
end

--- Asks a question about the project of the current buffer.
---@param question string
---@param opts? { new?: boolean } `new` begins another conversation instead of following up
function M.ask(question, opts)
  if question == '' then
    vim.ui.input({ prompt = 'Ask Ragstar: ' }, function(input)
      if input and vim.trim(input) ~= '' then
        ragstar.protect(M.ask, vim.trim(input), opts)
      end
    end)
    return
  end
  local bufnr = vim.api.nvim_get_current_buf()
  local client, why = ragstar.client(bufnr, M.root_of(bufnr))
  if not client then
    ragstar.error(why --[[@as string]])
    return
  end
  local root = client.root_dir or vim.fn.getcwd()
  local chat = by_root[root]
  if chat and not alive(chat) then
    chat = nil
  end
  if chat and chat.running then
    show(chat)
    ragstar.notify('still answering; <C-c> in the answer stops it', vim.log.levels.WARN)
    return
  end
  chat = chat or new_chat(root)
  if opts and opts.new then
    chat.thread_id = nil
    chat.sources = {}
    edit(chat, function(chat_buf)
      vim.api.nvim_buf_clear_namespace(chat_buf, ns, 0, -1)
      vim.api.nvim_buf_set_lines(chat_buf, 0, -1, false, {})
    end)
  end
  -- A follow-up typed in the chat is still about the file that the conversation began in.
  if not by_buf[bufnr] then
    chat.source_buf = bufnr
  end
  show(chat)
  send(chat, client, question)
end

--- The project of a chat's buffer.
---@param bufnr integer
---@return string?
function M.root_of(bufnr)
  return by_buf[bufnr] and by_buf[bufnr].root
end

--- Takes a `$/progress` notification when it is about an answer.
---@return boolean taken
function M.on_progress(params)
  local token = type(params) == 'table' and params.token
  if type(token) ~= 'string' or not vim.startswith(token, 'ragstar-chat-') then
    return false
  end
  -- What still arrives for a question that was stopped is nobody else's either.
  local chat = by_token[token]
  local value = params.value
  if not chat or not alive(chat) or type(value) ~= 'table' then
    return true
  end
  ragstar.protect(function()
    if value.kind == 'text' and type(value.text) == 'string' then
      show_step(chat)
      append(chat, value.text)
    elseif value.kind == 'step' and type(value.title) == 'string' then
      show_step(chat, value.title)
    end
  end)
  return true
end

--- A server ended, so the questions sent to it will not be answered.
---@param client_id integer
function M.on_exit(client_id)
  for _, chat in pairs(by_root) do
    if chat.running and chat.running.client_id == client_id then
      fail(chat, 'The server ended before it answered.')
      ragstar.error('the server ended before it answered; try :Ragstar restart')
    end
  end
end

return M
