#ifndef CLIENT_UI_PLAIN_H
#define CLIENT_UI_PLAIN_H

/* For what is no terminal, or one that cannot move its cursor: lines, as things happen. */

#include "client/print.h"
#include "client/ui/model.h"

/* What PARAMS, which MODEL has taken, means for people. */
void plain_say(const struct print *print, const struct model *model, const char *topic,
               const json_t *params);
void plain_lost(const struct print *print, const struct model *model);

#endif
