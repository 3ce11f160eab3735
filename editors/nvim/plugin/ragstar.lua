if vim.g.loaded_ragstar then
  return
end
vim.g.loaded_ragstar = true

if vim.fn.has('nvim-0.11') == 0 then
  vim.notify('Ragstar needs Neovim 0.11 or newer', vim.log.levels.WARN)
  return
end

vim.lsp.enable('ragstar')

vim.api.nvim_create_user_command('Ragstar', function(args)
  require('ragstar').command(args)
end, {
  nargs = '*',
  bang = true,
  desc = 'Ask about the dbt project, or manage the Ragstar server',
  complete = function(lead, line, pos)
    return require('ragstar').complete(lead, line, pos)
  end,
})
