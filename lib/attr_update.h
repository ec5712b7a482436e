/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A received UPDATE message before bgpd parses it: makes our path attribute
 * one that bgpd keeps, whatever flags it came with.
 *
 * Called by bgpd_dyncast on its main thread for every UPDATE; pure.  The
 * message is hostile: what cannot be followed to its end is left alone, for
 * bgpd to judge.  draft-ietf-idr-5g-edge-service-metadata section 4, RFC 7606
 * section 3 (a repeated attribute: the first counts).
 */

#ifndef DYNCAST_ATTR_UPDATE_H
#define DYNCAST_ATTR_UPDATE_H

#include <stddef.h>
#include <stdint.h>

enum dyncast_update_result {
	DYNCAST_UPDATE_NONE,	  /* does not carry the attribute */
	DYNCAST_UPDATE_KEPT,	  /* bgpd will keep it */
	DYNCAST_UPDATE_BAD_FLAGS, /* wrong flags: bgpd will drop it */
};

/*
 * Look for attribute `code` in the body of an UPDATE (what follows the BGP
 * header) and set its flags:
 *
 * - `flags` (0xc0 or 0x80) are those that it must have; the Partial bit is
 *   allowed with 0xc0.  With others it becomes optional non-transitive, which
 *   bgpd drops without ado; otherwise it is marked transitive, so that bgpd
 *   keeps its bytes.
 * - The low four bits, which have no meaning, become 0.
 * - A second one becomes a non-transitive attribute of a code that is unused
 *   in this message, because bgpd 8.4 resets the session for a repetition.
 *   *repeated counts them.
 */
enum dyncast_update_result dyncast_update_prepare(uint8_t *body, size_t len,
						  uint8_t code, uint8_t flags,
						  unsigned int *repeated);

#endif /* DYNCAST_ATTR_UPDATE_H */
