/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The words for what dyncast.h enumerates, the same in every show command and
 * its JSON.  Constant strings, any thread.
 */

#ifndef DYNCAST_WORDS_H
#define DYNCAST_WORDS_H

#include "dyncast.h"

const char *dyncast_kind_str(uint8_t kind);
const char *dyncast_action_str(uint8_t action);
const char *dyncast_cost_policy_str(uint8_t cost);
const char *dyncast_affinity_str(uint8_t affinity);

#endif /* DYNCAST_WORDS_H */
