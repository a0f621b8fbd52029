# The state of the tests in the prompt of bash or zsh; in ~/.bashrc or ~/.zshrc:
#
#   . /path/of/prompt.sh
#   PS1='$(sniffer_prompt)'$PS1       # zsh: setopt PROMPT_SUBST first
#
# Nothing is shown where no daemon runs.

sniffer_prompt() {
    snifferctl status --format '[%{state} %{failed}/%{tests}] ' 2>/dev/null
}
