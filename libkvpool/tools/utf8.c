// SPDX-License-Identifier: MIT
/* Names can hold any bytes: UTF-8 is found in them, and made safe for a terminal. */
#include "utf8.h"

static int is_tail(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

/**
 * utf8_length - Length of the first character
 * @text:	Ends with a null byte.
 *
 * Overlong forms, surrogates and code points above U+10FFFF are not characters.
 * Return: 1 to 4, or 0 if @text does not begin with a character of UTF-8; 0 too
 * at its end.
 */
int utf8_length(const char *text)
{
	const unsigned char *c = (const unsigned char *)text;

	if (c[0] < 0x80)
		return c[0] != 0;
	if (c[0] < 0xc2 || !is_tail(c[1]))
		return 0;
	if (c[0] < 0xe0)
		return 2;
	if (!is_tail(c[2]))
		return 0;
	if (c[0] < 0xf0)
		return (c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] > 0x9f) ? 0 : 3;
	if (c[0] > 0xf4 || !is_tail(c[3]) || (c[0] == 0xf0 && c[1] < 0x90) ||
	    (c[0] == 0xf4 && c[1] > 0x8f))
		return 0;
	return 4;
}

static int is_control(const unsigned char *c)
{
	return c[0] < 0x20 || c[0] == 0x7f || (c[0] == 0xc2 && c[1] < 0xa0);
}

/**
 * utf8_print - Print text without control characters
 * @to:		The stream.
 * @text:	Any bytes. '?' stands for control characters and for bytes that
 *		are not UTF-8.
 *
 * Return: The number of characters printed.
 */
int utf8_print(FILE *to, const char *text)
{
	int columns, length;

	for (columns = 0; *text; columns++) {
		length = utf8_length(text);
		if (!length || is_control((const unsigned char *)text)) {
			fputc('?', to);
			length += !length;
		} else {
			fwrite(text, 1, (size_t)length, to);
		}
		text += length;
	}
	return columns;
}
