/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From answers and a snapshot to Prometheus's text format.  See metrics.c.
 */

#ifndef DYNCAST_EXPORTER_METRICS_H
#define DYNCAST_EXPORTER_METRICS_H

#include <stdio.h>

#include "snapshot.h"

/* Whether all could be written is the stream's to tell (ferror). */
void dyncast_metrics_write(FILE *out, enum dyncast_answer which,
			   json_object *answer);
/* About the daemons and ourselves. */
void dyncast_metrics_write_own(FILE *out,
			       const struct dyncast_snapshot *snapshot);

#endif /* DYNCAST_EXPORTER_METRICS_H */
