#ifndef BASE_MACHINE_H
#define BASE_MACHINE_H

/* How busy the machine is, and what it lives on. Looks, and decides nothing. */

#include <stdbool.h>

struct machine {
    /* Percent of the last minute in which something waited for a processor; where the kernel does not
     * say so, the load as percent of all processors. 100 where nobody knows. */
    double busy;
    /* It does not live on a battery. */
    bool mains;
};

/* PROC and POWER are "/proc" and "/sys/class/power_supply". */
struct machine machine_look(const char *proc, const char *power);

#endif
