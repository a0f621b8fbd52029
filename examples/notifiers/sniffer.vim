" Failures in the quickfix list of Vim and Neovim. Put it into ~/.vim/plugin or ~/.config/nvim/plugin.
"
"   :Sniffer     waits until all that you saved is verified, then lists what fails and goes to the first
"   :Sniffer!    lists what is known now, and stays where you are

command! -bang -bar Sniffer call s:List(<bang>0)

function! s:Run(arguments) abort
  let l:lines = split(system('snifferctl ' . a:arguments . ' 2>&1'), "\n")
  return [v:shell_error, l:lines]
endfunction

function! s:List(bang) abort
  if !a:bang
    let [l:code, l:lines] = s:Run('wait --timeout 300')
    if l:code > 1 " 0: green, 1: red
      echohl ErrorMsg | echomsg join(l:lines, ' ') | echohl None
      return
    endif
  endif
  let [l:code, l:lines] = s:Run('results --failed --format quickfix')
  if l:code != 0
    echohl ErrorMsg | echomsg join(l:lines, ' ') | echohl None
    return
  endif
  let l:before = &errorformat
  let &errorformat = '%f:%l: %m'
  try
    execute a:bang ? 'cgetexpr l:lines' : 'cexpr l:lines'
  finally
    let &errorformat = l:before
  endtry
  cwindow
  if &buftype ==# 'quickfix'
    wincmd p
  endif
  redraw
  echomsg empty(l:lines) ? 'sniffer: no test fails' : 'sniffer: ' . len(l:lines) . ' failed'
endfunction
