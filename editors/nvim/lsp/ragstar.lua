local ragstar = require('ragstar')

-- Loaded when a lens is used first; the names have to be known before.
local commands = {}
for _, name in ipairs({ 'ragstar.showReferences', 'ragstar.showLineage', 'ragstar.showCompiled' }) do
  commands[name] = function(command, ctx)
    require('ragstar.views').commands[name](command, ctx)
  end
end

---@type vim.lsp.Config
return {
  cmd = ragstar.cmd(),

  -- Neovim compares filetypes exactly, so each compound name that people give to templated SQL is listed.
  filetypes = {
    'sql',
    'yaml',
    'markdown',
    'csv',
    'python',
    'dbt',
    'sql.dbt',
    'dbt.sql',
    'sql.jinja',
    'jinja.sql',
    'sql.jinja2',
    'jinja2.sql',
    'sql.jinja.dbt',
    'jinja',
    'yaml.dbt',
    'yaml.jinja',
    'jinja.yaml',
  },

  -- What the server's lenses may ask of this client.
  capabilities = { experimental = { ragstar = { commands = vim.tbl_keys(commands) } } },
  commands = commands,

  -- The server makes no sense outside a dbt project, and YAML or Markdown is everywhere: without a
  -- root `on_dir` is never called, which is how Neovim is told not to start anything.
  root_dir = function(bufnr, on_dir)
    local root = ragstar.root(vim.api.nvim_buf_get_name(bufnr))
    if root then
      on_dir(root)
    end
  end,

  handlers = {
    -- Answers stream through `$/progress` with our own token. They are taken out here because
    -- Neovim's handler drops the title of a value whose kind it does not know, and because progress
    -- plugins would show each piece of an answer as a task.
    ['$/progress'] = function(err, params, ctx)
      if not err and require('ragstar.chat').on_progress(params) then
        return
      end
      return vim.lsp.handlers['$/progress'](err, params, ctx)
    end,
  },

  -- Neovim forgets the pending requests of a server that ends, so a question in flight is told here.
  on_exit = function(_, _, client_id)
    vim.schedule(function()
      require('ragstar.chat').on_exit(client_id)
    end)
  end,
}
