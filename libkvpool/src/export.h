/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef KVP_EXPORT_H
#define KVP_EXPORT_H

/* A function that programs can call; libkvpool.map names them all. */
#define KVP_EXPORT	__attribute__((visibility("default")))

#endif /* KVP_EXPORT_H */
