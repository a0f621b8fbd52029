#!/bin/sh
# Desktop notifications: when tests fail, when fewer do, when none does any more. In pyproject.toml:
#
#   [tool.sniffer]
#   notify = ["/path/of/desktop.sh"]
#
# It needs notify-send (Debian: libnotify-bin), and a daemon that was started in your desktop session, because
# the way to the desktop stands in its environment.
set -eu

project=$(basename "$SNIFFER_ROOT")
case $SNIFFER_EVENT in
red) urgency=critical icon=dialog-error text="$SNIFFER_FAILED of $SNIFFER_TESTS tests failed" ;;
fewer) urgency=normal icon=dialog-warning text="still $SNIFFER_FAILED failed, $SNIFFER_FAILED_BEFORE before" ;;
green) urgency=low icon=dialog-information text="all $SNIFFER_TESTS tests are good" ;;
*) exit 0 ;; # an event of a later version
esac
exec notify-send --app-name=sniffer --urgency="$urgency" --icon="$icon" "$project" "$text"
