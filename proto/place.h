#ifndef PROTO_PLACE_H
#define PROTO_PLACE_H

/* Where a project's root is, where its socket is, and who is at the other end. Used by
 * daemon and client alike, so that they meet. Errors are negative errnos; strings
 * returned are the caller's. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The root for START (absolute or relative to the working directory): the nearest folder
 * upward that has a .sniffer folder; else the nearest that has pyproject.toml, setup.cfg,
 * setup.py, tox.ini or .git; else START itself. Above START only what belongs to us, to root, or to
 * whom START belongs counts: in /tmp anybody can put a pyproject.toml that names a command. Absolute, links resolved. NULL with errno
 * where START is not a directory. */
char *place_root(const char *start);

/* The socket for ROOT: $SNIFFER_SOCKET, else $XDG_RUNTIME_DIR/sniffer/<base>-<hash>.sock,
 * else /tmp/sniffer-<uid>/<base>-<hash>.sock. <base> is the root's last name, bytes other
 * than [A-Za-z0-9._-] as "_", cut to 32; <hash> is the 64-bit FNV-1a of the root's bytes
 * in 16 hex digits. -ENAMETOOLONG where that exceeds sun_path. */
int place_socket(const char *root, char **ret);

/* A listening socket at PATH: the folder is made with 0700 where it is missing and must be a
 * directory of ours, no link, that nobody else can write, and not in one where everybody can
 * rename it (-EPERM); PATH.lock is locked with flock
 * for the life of *RET_LOCK and decides who may remove a leftover socket; -EADDRINUSE where
 * another daemon holds it, or somebody listens without it; -EEXIST where PATH is no socket.
 * Mode 0600 from birth. Changes the process's umask for a moment. */
int place_listen(const char *path, int *ret_fd, int *ret_lock);

/* The listening socket that systemd passed to this process, as sd_listen_fds(3) has it, with the lock of
 * place_listen. It must be the one at PATH: clients look nowhere else. Takes the variables out of the
 * environment, whomever they were meant for. -ENOENT: none was passed; -EINVAL: something else was,
 * or more than that; -EADDRNOTAVAIL: it listens at another path; -EADDRINUSE: another daemon runs;
 * -EPERM: see place_listen. What was passed is closed where it is not returned. */
int place_inherit(const char *path, int *ret_fd, int *ret_lock);

/* A connected, blocking, close-on-exec socket. -ENOENT or -ECONNREFUSED where no daemon
 * answers. The peer must be us or root (-EPERM). */
int place_connect(const char *path, int *ret_fd);

/* SO_PEERCRED of FD: is it our own user or root? *RET_PID may be NULL. */
bool place_peer_trusted(int fd, pid_t *ret_pid);

#endif
