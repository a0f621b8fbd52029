#ifndef DAEMON_PLUGIN_H
#define DAEMON_PLUGIN_H

/* Where the Python half is: $SNIFFER_PLUGIN, or beside the program. The caller's; NULL where it is not there, which
 * was said on stderr. */
char *plugin_find(void);

#endif
