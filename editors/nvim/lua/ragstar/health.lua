local M = {}

local health = vim.health

--- The buffer that `:checkhealth` was called from. The report itself is the current one by now.
---@return integer
local function asking_buffer()
  local alternate = vim.fn.bufnr('#')
  if vim.bo.filetype ~= 'checkhealth' and vim.api.nvim_buf_get_name(0) ~= 'health://' or alternate < 1 then
    return vim.api.nvim_get_current_buf()
  end
  return alternate
end

local function check_neovim()
  local version = tostring(vim.version())
  if vim.fn.has('nvim-0.11') == 1 then
    health.ok('Neovim ' .. version)
    return true
  end
  health.error('Neovim ' .. version .. ' is too old', 'Install Neovim 0.11 or newer.')
  return false
end

local function check_binary()
  local cmd = vim.lsp.config.ragstar and vim.lsp.config.ragstar.cmd
  if type(cmd) == 'function' then
    health.info('The server is started by a function, so its binary cannot be checked.')
    return
  end
  local binary = type(cmd) == 'table' and cmd[1] or nil
  if type(binary) ~= 'string' or vim.fn.executable(binary) == 0 then
    health.error(('`%s` cannot be run'):format(tostring(binary)), {
      'Install the `ragstar` binary and put its folder on the PATH that Neovim sees.',
      "Or name it: vim.g.ragstar_cmd = { '/path/to/ragstar', 'lsp' }",
    })
    return
  end
  local path = vim.fn.exepath(binary)
  local ok, result = pcall(function()
    return vim.system({ path, '--version' }, { text = true, timeout = 5000 }):wait()
  end)
  if ok and result.code == 0 then
    health.ok(('%s (%s)'):format(vim.trim(result.stdout or ''), path))
  else
    local why = ok and vim.trim(result.stderr or '') or tostring(result)
    health.error(('`%s --version` failed%s'):format(path, why ~= '' and ': ' .. why or ''), {
      'Run it in a terminal to see what is wrong with it, and install it again if it is damaged.',
    })
  end
end

---@param bufnr integer
local function check_project(bufnr)
  local name = vim.api.nvim_buf_get_name(bufnr)
  local ragstar = require('ragstar')
  local root = ragstar.root(name)
  local shown = name ~= '' and vim.fn.fnamemodify(name, ':~:.') or 'the current buffer'
  if root then
    health.ok(('%s belongs to the project %s'):format(shown, vim.fn.fnamemodify(root, ':~')))
    return true
  end
  health.warn(('%s is not in a dbt project'):format(shown), {
    'Ragstar only starts for files below a folder with a `dbt_project.yml`.',
    'Open such a file, then run :checkhealth ragstar from its window.',
  })
  return false
end

---@param bufnr integer
---@param in_project boolean
local function check_client(bufnr, in_project)
  local client = vim.lsp.get_clients({ name = 'ragstar', bufnr = bufnr })[1]
  if client then
    health.ok(('The server is attached (client %d, root %s)'):format(client.id, client.root_dir or '?'))
    return
  end
  local advice
  if not vim.lsp.is_enabled('ragstar') then
    advice = { "Run vim.lsp.enable('ragstar'): something has disabled it." }
  elseif not in_project then
    advice = { 'Open a file of a dbt project.' }
  elseif not vim.tbl_contains((vim.lsp.config.ragstar or {}).filetypes or {}, vim.bo[bufnr].filetype) then
    advice = {
      ('The filetype `%s` is not one that Ragstar attaches to.'):format(vim.bo[bufnr].filetype),
      "Add it with vim.lsp.config('ragstar', { filetypes = { … } }), or check that `:filetype on` is set.",
    }
  else
    advice = {
      'Run :Ragstar restart.',
      'If the server ends at once, its messages are in ' .. vim.lsp.log.get_filename(),
    }
  end
  health.warn('The server is not attached to the current buffer', advice)
end

function M.check()
  health.start('ragstar')
  if not check_neovim() then
    return
  end
  local bufnr = asking_buffer()
  check_binary()
  check_client(bufnr, check_project(bufnr))
end

return M
