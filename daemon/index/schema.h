#ifndef INDEX_SCHEMA_H
#define INDEX_SCHEMA_H

/* The tables, and how a file of an earlier version comes by them. Steps are only ever
 * added, never changed: step N makes version N + 1 of version N, and the version
 * number is written in the same transaction. */

#include <sqlite3.h>

/* Marks a file as ours ("snif"), in the place that SQLite keeps for this. */
enum { SCHEMA_APPLICATION = 0x736e6966 };

/* The version that this program writes. */
int schema_version(void);

/* Brings a file of VERSION (0: empty) to schema_version(). A code of SQLite's. */
int schema_update(sqlite3 *sql, int version);

#endif
