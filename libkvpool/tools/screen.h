/* SPDX-License-Identifier: MIT */
#ifndef KVPOOLCTL_SCREEN_H
#define KVPOOLCTL_SCREEN_H

#include <stdbool.h>
#include <stdint.h>

uint64_t screen_now_ns(void);
void screen_catch_signals(void);
void screen_begin(void);
void screen_home(void);
void screen_end(void);
bool screen_wait(uint64_t deadline_ns);

#endif /* KVPOOLCTL_SCREEN_H */
