/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What must hold for every message that the decoder of the wire protocol accepts,
 * whatever its bytes are.
 */
#ifndef _HOST_MODEL_WIRE_H
#define _HOST_MODEL_WIRE_H

#include "fabric/wire.h"

/* Terms that two sides may agree on, from a random byte. */
void wire_terms(struct kvpool_wire_terms *terms, u8 seed);

/* Each decodes a copy of just @size bytes and aborts if a promise is broken. */
int wire_capsule(const void *data, size_t size,
		 const struct kvpool_wire_terms *terms);
int wire_response(const void *data, size_t size);
int wire_connect(const void *data, size_t size);
int wire_accept(const void *data, size_t size,
		const struct kvpool_wire_terms *asked);
int wire_reject(const void *data, size_t size);

#endif /* _HOST_MODEL_WIRE_H */
