/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_GATE_H
#define _KVPOOL_FABRIC_GATE_H

#include <linux/completion.h>
#include <linux/refcount.h>

/**
 * struct kvpool_gate - Counts the users of an object that may go away
 * @users:	tasks inside, and one while the gate is open
 * @idle:	completed when the last user has left a closed gate
 */
struct kvpool_gate {
	refcount_t users;
	struct completion idle;
};

void kvpool_gate_open(struct kvpool_gate *gate);
void kvpool_gate_shut(struct kvpool_gate *gate);
void kvpool_gate_wait(struct kvpool_gate *gate);
void kvpool_gate_close(struct kvpool_gate *gate);

/**
 * kvpool_gate_enter() - Become a user
 * @gate: the gate
 *
 * Return: true if the gate was open; kvpool_gate_leave() has to follow then.
 */
static inline bool kvpool_gate_enter(struct kvpool_gate *gate)
{
	return refcount_inc_not_zero(&gate->users);
}

/**
 * kvpool_gate_leave() - Undo kvpool_gate_enter()
 * @gate: the gate
 */
static inline void kvpool_gate_leave(struct kvpool_gate *gate)
{
	if (refcount_dec_and_test(&gate->users))
		complete(&gate->idle);
}

#endif /* _KVPOOL_FABRIC_GATE_H */
