local M = {}

local PROJECT_FILE = 'dbt_project.yml'

-- Folders that `dbt deps` installs packages into: the name in use and the one before dbt 1.0.
local PACKAGE_FOLDERS = { dbt_packages = true, dbt_modules = true }

---@class ragstar.Options
---@field cmd? string|string[] The binary, or the whole command that starts the server.
---@field settings? table Sent to the server as the section `ragstar` of its configuration.

---@param message string
---@param level? integer
function M.notify(message, level)
  vim.notify('Ragstar: ' .. message, level or vim.log.levels.INFO)
end

---@param message string
function M.error(message)
  M.notify(message, vim.log.levels.ERROR)
end

--- Text for an error of a request, from the error object of the protocol.
---@param err any
---@return string
function M.error_text(err)
  if type(err) == 'table' and type(err.message) == 'string' then
    if err.code == -32601 then
      return 'this version of the server cannot do that (' .. err.message .. ')'
    end
    return err.message
  end
  return tostring(err)
end

--- Runs `fn` and shows an error as a message, because a stack trace helps nobody who only typed a
--- command.
---@param fn function
function M.protect(fn, ...)
  local ok, err = pcall(fn, ...)
  if not ok then
    M.error((tostring(err):gsub('\n.*', ''):gsub('^%S+%.lua:%d+: ', '')))
  end
end

---@param cmd any
---@return any
local function normalize_cmd(cmd)
  if type(cmd) == 'string' then
    return { cmd, 'lsp' }
  end
  return cmd
end

--- The command that starts the server.
function M.cmd()
  return normalize_cmd(vim.g.ragstar_cmd) or { 'ragstar', 'lsp' }
end

--- Optional: the plugin works without it.
---@param opts? ragstar.Options
function M.setup(opts)
  opts = opts or {}
  local config = {}
  if opts.cmd then
    config.cmd = normalize_cmd(opts.cmd)
    vim.g.ragstar_cmd = config.cmd
  end
  if opts.settings then
    config.settings = { ragstar = opts.settings }
  end
  if next(config) then
    vim.lsp.config('ragstar', config)
  end
end

--- Whether a project has installed the package in the folder `package` by a link to it, as `dbt deps`
--- does for local packages.
---@param project string
---@param package string
---@return boolean
local function links_to(project, package)
  for folder in pairs(PACKAGE_FOLDERS) do
    local installed = vim.fs.joinpath(project, folder)
    for name, kind in vim.fs.dir(installed) do
      local target = kind == 'link' and vim.uv.fs_realpath(vim.fs.joinpath(installed, name))
      if target and vim.fs.normalize(target) == package then
        return true
      end
    end
  end
  return false
end

--- The dbt project that a file belongs to: the nearest folder above it with a `dbt_project.yml`.
--- An installed package is part of the project that installed it, although it has a project file too.
---@param path string
---@return string?
function M.root(path)
  -- Names such as `fugitive://…` are not files, whatever folder their text seems to lie in.
  if path == '' or path:match('^%a[%w+.-]+://') then
    return nil
  end
  path = vim.fs.normalize(vim.fn.fnamemodify(path, ':p'))
  local root, below
  for dir in vim.fs.parents(path) do
    if vim.uv.fs_stat(vim.fs.joinpath(dir, PROJECT_FILE)) then
      -- Neovim names a buffer by what a link leads to, so the path of a linked package does not tell.
      if not root or PACKAGE_FOLDERS[vim.fs.basename(below)] or links_to(dir, root) then
        root = dir
      end
    end
    below = dir
  end
  return root
end

--- All clients, or those attached to one buffer.
---@param bufnr? integer
---@return vim.lsp.Client[]
local function clients(bufnr)
  return vim.tbl_filter(function(client)
    return not client:is_stopped()
  end, vim.lsp.get_clients({ name = 'ragstar', bufnr = bufnr }))
end

--- The client that a command typed in `bufnr` is meant for, or why there is none. A window without
--- a file of the project, such as the one of the chat, may still ask when the project is clear.
---@param bufnr integer
---@param root? string a project to prefer
---@return vim.lsp.Client?
---@return string? why
function M.client(bufnr, root)
  local attached = clients(bufnr)[1]
  if attached then
    return attached
  end
  local all = clients()
  root = root or M.root(vim.fs.joinpath(vim.fn.getcwd(), 'x'))
  for _, client in ipairs(all) do
    if client.root_dir == root then
      return client
    end
  end
  if #all == 1 then
    return all[1]
  end
  if #all > 1 then
    return nil, 'several dbt projects are open; run the command from a file of the one you mean'
  end
  local cmd = vim.lsp.config.ragstar and vim.lsp.config.ragstar.cmd
  if type(cmd) == 'table' and vim.fn.executable(cmd[1]) == 0 then
    return nil, ('cannot run `%s`; see :checkhealth ragstar'):format(cmd[1])
  end
  return nil, 'the server is not running; open a file of a dbt project, or see :checkhealth ragstar'
end

--- Starts the server for each open file that it is meant for.
local function start_all()
  local config = vim.lsp.config.ragstar
  local cmd = config.cmd
  if type(cmd) == 'table' and vim.fn.executable(cmd[1]) == 0 then
    M.error(('cannot run `%s`; see :checkhealth ragstar'):format(cmd[1]))
    return
  end
  local started = false
  for _, bufnr in ipairs(vim.api.nvim_list_bufs()) do
    if
      vim.api.nvim_buf_is_loaded(bufnr)
      and vim.bo[bufnr].buftype == ''
      and vim.tbl_contains(config.filetypes, vim.bo[bufnr].filetype)
    then
      config.root_dir(bufnr, function(root)
        local copy = vim.deepcopy(config)
        copy.root_dir = root
        started = vim.lsp.start(copy, { bufnr = bufnr, reuse_client = copy.reuse_client }) ~= nil or started
      end)
    end
  end
  M.notify(started and 'restarted' or 'no file of a dbt project is open')
end

local function restart()
  local stopping = clients()
  for _, client in ipairs(stopping) do
    client:stop()
  end
  -- A server that hangs must not keep the new one from starting, so patience ends after 3 seconds.
  local waited = 0
  local function poll()
    local left = vim.tbl_filter(function(client)
      return vim.lsp.get_client_by_id(client.id) ~= nil
    end, stopping)
    if #left == 0 or waited > 5000 then
      M.protect(start_all)
      return
    end
    if waited == 3000 then
      for _, client in ipairs(left) do
        client:stop(true)
      end
    end
    waited = waited + 50
    vim.defer_fn(poll, 50)
  end
  poll()
end

--- One line a project, as a person reads it.
---@param result { version: string, projects: table[] }
---@return string
local function status_lines(result)
  local lines = { 'ragstar ' .. tostring(result.version) }
  for _, project in ipairs(result.projects or {}) do
    local counts = project.counts or {}
    local model = project.model
    lines[#lines + 1] = ('%s: %d models, %d sources, %d errors, %d warnings%s; %s'):format(
      project.project,
      counts.model or 0,
      counts.source or 0,
      project.errors or 0,
      project.warnings or 0,
      project.loaded and '' or ' (still reading)',
      (type(model) == 'string') and ('answers by ' .. model) or 'no language model set'
    )
  end
  return table.concat(lines, '\n')
end

local function status()
  local bufnr = vim.api.nvim_get_current_buf()
  local client, why = M.client(bufnr, require('ragstar.chat').root_of(bufnr))
  if not client then
    M.error(why --[[@as string]])
    return
  end
  client:request('ragstar/status', vim.empty_dict(), function(err, result)
    if err then
      M.error(M.error_text(err))
    else
      M.notify(type(result) == 'string' and result or status_lines(result))
    end
  end, bufnr)
end

--- Names of the files that an edit touches, for the message after it.
---@param edit lsp.WorkspaceEdit
---@return string
local function edited_files(edit)
  local names, seen = {}, {}
  local function add(uri)
    if uri and not seen[uri] then
      seen[uri] = true
      names[#names + 1] = vim.fn.fnamemodify(vim.uri_to_fname(uri), ':~:.')
    end
  end
  for uri in pairs(edit.changes or {}) do
    add(uri)
  end
  for _, change in ipairs(edit.documentChanges or {}) do
    add(change.textDocument and change.textDocument.uri or change.newUri or change.uri)
  end
  return table.concat(names, ', ')
end

--- Writes the missing description at the cursor with the server's code action.
local function describe()
  local bufnr = vim.api.nvim_get_current_buf()
  local client = clients(bufnr)[1]
  if not client then
    local _, why = M.client(bufnr)
    M.error(why or 'the server is not attached to this file; see :checkhealth ragstar')
    return
  end
  local tick = vim.api.nvim_buf_get_changedtick(bufnr)
  local params = vim.lsp.util.make_range_params(0, client.offset_encoding)
  params.context = { diagnostics = {}, triggerKind = vim.lsp.protocol.CodeActionTriggerKind.Invoked }

  local function apply(action)
    if action.edit then
      -- Text that is being written may take a while. Positions in it are void once the buffer
      -- differs, and only some edits carry a version that Neovim could check.
      if not vim.api.nvim_buf_is_valid(bufnr) or vim.api.nvim_buf_get_changedtick(bufnr) ~= tick then
        M.notify('the file changed meanwhile, so nothing was written; try again', vim.log.levels.WARN)
        return
      end
      vim.lsp.util.apply_workspace_edit(action.edit, client.offset_encoding)
      M.notify(action.title .. ': ' .. edited_files(action.edit))
    end
    if action.command then
      local command = type(action.command) == 'table' and action.command or action
      client:exec_cmd(command, { bufnr = bufnr })
    end
    if not action.edit and not action.command then
      M.notify('the server had nothing to write here', vim.log.levels.WARN)
    end
  end

  client:request('textDocument/codeAction', params, function(err, actions)
    if err then
      M.error(M.error_text(err))
      return
    end
    local action = vim.iter(actions or {}):find(function(candidate)
      return vim.startswith(candidate.title, 'Write description') and not candidate.disabled
    end)
    if not action then
      M.notify('no description to write at the cursor')
      return
    end
    local is_command = type(action.command) == 'string'
    if is_command or action.edit or not client:supports_method('codeAction/resolve', bufnr) then
      M.protect(apply, action)
      return
    end
    client:request('codeAction/resolve', action, function(resolve_err, resolved)
      if resolve_err then
        M.error(M.error_text(resolve_err))
      else
        M.protect(apply, resolved or action)
      end
    end, bufnr)
  end, bufnr)
end

local subcommands = {
  ask = function(args, bang)
    require('ragstar.chat').ask(args, { new = bang })
  end,
  compiled = function()
    require('ragstar.views').compiled()
  end,
  describe = describe,
  lineage = function(args)
    local steps = args ~= '' and tonumber(args) or nil
    if args ~= '' and not (steps and steps >= 1 and steps == math.floor(steps)) then
      M.error(('`%s` is no number of steps; for example :Ragstar lineage 3'):format(args))
      return
    end
    require('ragstar.views').lineage({}, steps)
  end,
  restart = restart,
  status = status,
  yaml = function()
    require('ragstar.views').yaml()
  end,
}

--- Body of `:Ragstar`.
function M.command(args)
  local name, rest = args.args:match('^(%S*)%s*(.-)%s*$')
  local run = subcommands[name]
  if not run then
    local names = vim.tbl_keys(subcommands)
    table.sort(names)
    M.error(
      (name == '' and 'which command' or ('no command `%s`'):format(name)) .. '? One of: ' .. table.concat(names, ', ')
    )
    return
  end
  M.protect(run, rest, args.bang)
end

--- Completion of `:Ragstar`: the names of its subcommands, and nothing after the first.
function M.complete(lead, line, pos)
  if not line:sub(1, pos):match('Ragstar!?%s+%S*$') then
    return {}
  end
  local names = vim.tbl_filter(function(name)
    return vim.startswith(name, lead)
  end, vim.tbl_keys(subcommands))
  table.sort(names)
  return names
end

return M
