# Completion of snifferctl for fish.

set -l commands start stop restart status wait check results files deps affected why run touch \
    events socket service doctor pause resume focus audit debug index
set -l fresh "not __fish_seen_subcommand_from $commands"

complete -c snifferctl -f
complete -c snifferctl -n $fresh -s C -x -a '(__fish_complete_directories)' -d 'the project of this folder'
complete -c snifferctl -n $fresh -l version -d 'the version'
complete -c snifferctl -l help -d help

complete -c snifferctl -n $fresh -a start -d 'start the daemon'
complete -c snifferctl -n $fresh -a stop -d 'stop the daemon'
complete -c snifferctl -n $fresh -a restart -d 'stop the daemon where one runs, and start it'
complete -c snifferctl -n $fresh -a status -d 'the counts, and what runs now'
complete -c snifferctl -n $fresh -a wait -d 'wait until every change made before is verified'
complete -c snifferctl -n $fresh -a check -d 'wait, then show the failures with their reports'
complete -c snifferctl -n $fresh -a results -d 'one record a test'
complete -c snifferctl -n $fresh -a files -d 'one record a test file'
complete -c snifferctl -n $fresh -a deps -d 'what the verdict of a test file rests on'
complete -c snifferctl -n $fresh -a affected -d 'the test files whose verdict rests on these paths'
complete -c snifferctl -n $fresh -a why -d 'why a test file ran last, or is stale'
complete -c snifferctl -n $fresh -a run -d 'run again whatever the evidence says'
complete -c snifferctl -n $fresh -a touch -d 'tell the daemon that paths changed'
complete -c snifferctl -n $fresh -a events -d 'the notifications as they come'
complete -c snifferctl -n $fresh -a socket -d 'print the path of the socket'
complete -c snifferctl -n $fresh -a service -d 'have systemd run the daemon'
complete -c snifferctl -n $fresh -a doctor -d 'what could hinder it, each with the mend'
complete -c snifferctl -n $fresh -a pause -d 'start no more runs'
complete -c snifferctl -n $fresh -a resume -d 'go on after a pause'
complete -c snifferctl -n $fresh -a focus -d 'run only this test file until switched off'
complete -c snifferctl -n $fresh -a index -d 'carry what is known to another checkout or machine'
complete -c snifferctl -n '__fish_seen_subcommand_from index' -a 'export import' -F
complete -c snifferctl -n '__fish_seen_subcommand_from focus' -l off -d 'run all again'
complete -c snifferctl -n $fresh -a audit -d 'run current test files again, and compare'
complete -c snifferctl -n '__fish_seen_subcommand_from audit' -l all -d 'all test files'
complete -c snifferctl -n $fresh -a debug -d 'run this test here and now, with the terminal'
complete -c snifferctl -n '__fish_seen_subcommand_from debug' -l pdb -d 'begin a debugger where a test fails'

set -l daemon '__fish_seen_subcommand_from start restart'
complete -c snifferctl -n $daemon -l jobs -x -d 'run this many test files at a time'
complete -c snifferctl -n $daemon -l python -r -F -d 'the interpreter of the project'
complete -c snifferctl -n $daemon -l backend -x -a 'auto inotify fanotify' -d 'how to watch'
complete -c snifferctl -n $daemon -l log-level -x -a 'error warning info debug' -d 'how much to log'
complete -c snifferctl -n $daemon -l fail-fast -d 'start no other test file after one has failed'
complete -c snifferctl -n $daemon -l pipe -d 'read which paths changed from the FIFO .sniffer/changed'

set -l json '__fish_seen_subcommand_from status wait check results files deps affected why run doctor pause resume audit'
complete -c snifferctl -n $json -l json -d JSON
complete -c snifferctl -n '__fish_seen_subcommand_from status wait check results files run' -l package -x -a '(__fish_complete_directories)' -d 'of this package alone'
complete -c snifferctl -n '__fish_seen_subcommand_from status' -l short -d 'one line'
complete -c snifferctl -n '__fish_seen_subcommand_from status' -l format -x -d 'a format'
complete -c snifferctl -n '__fish_seen_subcommand_from results' -l format -x -a 'quickfix json' -d 'a format'
complete -c snifferctl -n '__fish_seen_subcommand_from results' -l failed -d 'failures and errors only'
complete -c snifferctl -n '__fish_seen_subcommand_from wait check' -l timeout -x -d 'give up after seconds'
complete -c snifferctl -n '__fish_seen_subcommand_from check' -l junit-xml -r -F -d 'write all results'
complete -c snifferctl -n '__fish_seen_subcommand_from check' -l shard -x -d 'part K of N alone'
complete -c snifferctl -n '__fish_seen_subcommand_from check' -l once -d 'stop the daemon that this call started'
complete -c snifferctl -n '__fish_seen_subcommand_from run' -l all -d 'all test files'
complete -c snifferctl -n '__fish_seen_subcommand_from touch' -s 0 -l null -d 'ended by NUL'
complete -c snifferctl -n '__fish_seen_subcommand_from events' -a 'stats result file.failures green red queue run.started run.test run.result run.output run.finished watch state file audit bye'
complete -c snifferctl -n '__fish_seen_subcommand_from service' -a 'enable disable status'
complete -c snifferctl -n '__fish_seen_subcommand_from results deps affected why run touch audit' -F
