#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Installs manual pages, each under every name that it describes.
#
# usage: install.sh MANDIR PAGE...

dir=$1
shift
set -e

for page; do
	file=${page##*/}
	section=${page##*.}
	mkdir -p "$dir/man$section"
	install -m 644 "$page" "$dir/man$section/"
	sed -n '/^\.Sh NAME/,/^\.Nd/s/^\.Nm \([^ ]*\).*/\1/p' "$page" | while read -r name; do
		[ "$name.$section" = "$file" ] || ln -sf "$file" "$dir/man$section/$name.$section"
	done
done
