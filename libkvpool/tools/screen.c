// SPDX-License-Identifier: MIT
/* The terminal of kvpoolctl top: its own screen, keys and signals. */
#include "screen.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t ended;
static struct termios cooked;
static bool active;

/**
 * screen_now_ns - The time
 *
 * Return: Nanoseconds of the monotonic clock.
 */
uint64_t screen_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void on_signal(int sig)
{
	ended = sig;
}

/**
 * screen_catch_signals - Let SIGINT and SIGTERM end screen_wait()
 */
void screen_catch_signals(void)
{
	const struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

/**
 * screen_begin - Take over the terminal, if stdin and stdout are one
 *
 * The terminal is restored by screen_end(), at the latest at the end of the program.
 */
void screen_begin(void)
{
	struct termios now;

	if (!isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO) ||
	    tcgetattr(STDIN_FILENO, &cooked))
		return;
	now = cooked;
	now.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	tcsetattr(STDIN_FILENO, TCSANOW, &now);
	active = true;
	atexit(screen_end);
	/* The alternate screen, without a cursor. */
	fputs("\033[?1049h\033[?25l", stdout);
}

/**
 * screen_home - Clear the terminal, or print an empty line between samples without one
 */
void screen_home(void)
{
	static bool started;

	if (active)
		fputs("\033[H\033[J", stdout);
	else if (started)
		putchar('\n');
	started = true;
}

/**
 * screen_end - Restore the terminal, if it was taken over
 */
void screen_end(void)
{
	if (!active)
		return;
	tcsetattr(STDIN_FILENO, TCSANOW, &cooked);
	fputs("\033[?25h\033[?1049l", stdout);
	fflush(stdout);
	active = false;
}

/**
 * screen_wait - Wait until a time, a signal or the key q
 * @deadline_ns:	As screen_now_ns().
 *
 * Return: true at @deadline_ns, false if the user ends the command.
 */
bool screen_wait(uint64_t deadline_ns)
{
	struct pollfd keyboard = { .fd = active ? STDIN_FILENO : -1, .events = POLLIN };
	uint64_t now;
	char key;

	while (!ended && (now = screen_now_ns()) < deadline_ns) {
		if (poll(&keyboard, 1, (int)((deadline_ns - now + 999999) / 1000000)) > 0 &&
		    (read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q'))
			return false;
	}
	return !ended;
}
