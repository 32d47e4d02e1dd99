/* SPDX-License-Identifier: MIT */
#ifndef KVPOOLCTL_OUT_H
#define KVPOOLCTL_OUT_H

#include <stdbool.h>
#include <stdint.h>

#define OUT_SCHEMA_VERSION	2

void out_use_json(void);
bool out_is_json(void);
void out_object(const char *name);
void out_array(const char *name);
void out_end(void);
void out_text(const char *name, const char *value);
void out_number(const char *name, uint64_t value);
void out_real(const char *name, double value);
void out_bool(const char *name, bool value);
void out_value(const char *name, const char *value);
void out_rewind(void);
void out_finish(void);
void out_done(void);

#endif /* KVPOOLCTL_OUT_H */
