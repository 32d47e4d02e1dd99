/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_VERSION_H
#define _KVPOOL_VERSION_H

/* Version of the modules; the Makefile reads it too. */
#define KVPOOL_MODULE_VERSION	"0.1.0"

#endif /* _KVPOOL_VERSION_H */
