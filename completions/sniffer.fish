# Completion of sniffer for fish.

complete -c sniffer -f
complete -c sniffer -s C -x -a '(__fish_complete_directories)' -d 'the project of this folder'
complete -c sniffer -l help -d help
complete -c sniffer -l version -d 'the version'
