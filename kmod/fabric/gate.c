// SPDX-License-Identifier: GPL-2.0
/* Gates: an object is taken down when its last user has left. */
#include "fabric/gate.h"

/**
 * kvpool_gate_open() - Let users in
 * @gate: a gate that is closed or new
 */
void kvpool_gate_open(struct kvpool_gate *gate)
{
	init_completion(&gate->idle);
	refcount_set(&gate->users, 1);
}

/**
 * kvpool_gate_shut() - Begin to close a gate
 * @gate: an open gate
 *
 * kvpool_gate_enter() fails once the users that are inside have left.
 */
void kvpool_gate_shut(struct kvpool_gate *gate)
{
	kvpool_gate_leave(gate);
}

/**
 * kvpool_gate_wait() - Wait until the last user has left
 * @gate: a gate that kvpool_gate_shut() began to close
 */
void kvpool_gate_wait(struct kvpool_gate *gate)
{
	wait_for_completion(&gate->idle);
}

/**
 * kvpool_gate_close() - Close a gate and wait until the last user has left
 * @gate: an open gate
 */
void kvpool_gate_close(struct kvpool_gate *gate)
{
	kvpool_gate_shut(gate);
	kvpool_gate_wait(gate);
}
