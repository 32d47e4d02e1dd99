// SPDX-License-Identifier: GPL-2.0
/*
 * The first program of a virtual host: it is /init of the initramfs, makes
 * the host's file tree, and then runs commands for `rig exec`.
 *
 * There is one process for each virtio-serial port named rig.N, and a port
 * serves one command at a time.  Frames are a type byte, a 32-bit little
 * endian length and the payload; a zero byte between frames is padding.
 *
 * A client begins with as much padding as the longest frame, then HELLO with
 * a nonce, and throws away what it reads up to the ACK with that nonce.  So
 * a client that died in the middle of a frame does not confuse the next client.
 *
 *   to the agent    HELLO nonce | REQ bytes | GO | STDIN bytes | EOF | KILL
 *   from the agent  ACK nonce | STARTED pid | OUT bytes | ERR bytes |
 *                   CREDIT u32 | EXIT u32 (a wait status)
 *
 * REQ payloads are joined: cwd, the number of arguments, the arguments, the
 * number of variables, the variables, each ended by NUL.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/random.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FRAME_MAX	16384	/* longest payload from a client */
#define OUT_MAX		32768	/* longest payload from the agent */
#define STDIN_WINDOW	65536	/* stdin bytes that a client may have sent */
#define REQ_MAX		(4 << 20)

/*
 * The driver learns that a client has connected later than that its bytes have
 * arrived.  So a port may report POLLHUP while a client is connected, on busy
 * CPUs for a long time.
 */
#define PATIENCE_MS	5000

static void die(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "rig-init: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, ": %s\n", strerror(errno));
	/* The rig reports a failed boot when QEMU ends. */
	sync();
	reboot(RB_POWER_OFF);
	_exit(1);
}

/* ---- file tree --------------------------------------------------------- */

static void mkdirs(const char *path, mode_t mode)
{
	char buf[PATH_MAX];
	char *p;

	snprintf(buf, sizeof(buf), "%s", path);
	for (p = buf + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = 0;
		mkdir(buf, 0755);
		*p = '/';
	}
	mkdir(buf, mode);
}

static int try_mount(const char *src, const char *dir, const char *type,
		     unsigned long flags, const char *opts)
{
	mkdirs(dir, 0755);
	return mount(src, dir, type, flags, opts);
}

static void must_mount(const char *src, const char *dir, const char *type,
		       unsigned long flags, const char *opts)
{
	if (try_mount(src, dir, type, flags, opts))
		die("mount %s (%s) on %s", src, type, dir);
}

static void load_module(const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die("open %s", file);
	if (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST)
		die("load module %s", file);
	close(fd);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		fprintf(stderr, "rig-init: write %s: %s\n", path,
			strerror(errno));
	close(fd);
}

static void mount_9p(const char *tag, const char *dir, const char *mode)
{
	char opts[128];
	bool ro = !strcmp(mode, "ro") || !strcmp(mode, "root");

	snprintf(opts, sizeof(opts),
		 "trans=virtio,version=9p2000.L,msize=512000,cache=%s",
		 !strcmp(mode, "root") ? "loose" : "none");
	must_mount(tag, dir, "9p", ro ? MS_RDONLY : 0, opts);
}

static void make_root(void)
{
	mount_9p("root", "/lower", "root");
	must_mount("rw", "/rw", "tmpfs", 0, "mode=755");
	mkdirs("/rw/up", 0755);
	mkdirs("/rw/work", 0755);
	must_mount("overlay", "/newroot", "overlay", 0,
		   "lowerdir=/lower,upperdir=/rw/up,workdir=/rw/work");

	must_mount("dev", "/newroot/dev", "devtmpfs", 0, NULL);
	must_mount("proc", "/newroot/proc", "proc", 0, NULL);
	must_mount("sys", "/newroot/sys", "sysfs", 0, NULL);
	must_mount("run", "/newroot/run", "tmpfs", 0, "mode=755");
	must_mount("shm", "/newroot/dev/shm", "tmpfs", 0, "mode=1777");
	/* A kernel may lack any of these. */
	try_mount("devpts", "/newroot/dev/pts", "devpts", 0,
		  "mode=620,ptmxmode=666");
	try_mount("debugfs", "/newroot/sys/kernel/debug", "debugfs", 0, NULL);
	try_mount("tracefs", "/newroot/sys/kernel/tracing", "tracefs", 0, NULL);
	try_mount("configfs", "/newroot/sys/kernel/config", "configfs", 0,
		  NULL);
	try_mount("cgroup2", "/newroot/sys/fs/cgroup", "cgroup2", 0, NULL);
	symlink("/proc/self/fd", "/newroot/dev/fd");
	symlink("/proc/self/fd/0", "/newroot/dev/stdin");
	symlink("/proc/self/fd/1", "/newroot/dev/stdout");
	symlink("/proc/self/fd/2", "/newroot/dev/stderr");
}

static void loopback_up(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	if (ioctl(fd, SIOCSIFFLAGS, &ifr))
		fprintf(stderr, "rig-init: lo: %s\n", strerror(errno));
	close(fd);
}

static void link_modules(const char *release, const char *target)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/newroot/lib/modules/%s", release);
	mkdirs("/newroot/lib/modules", 0755);
	rmdir(path);
	unlink(path);
	if (symlink(target, path))
		fprintf(stderr, "rig-init: %s: %s\n", path, strerror(errno));
}

static int snapshot_port = -1;	/* the agent pauses on it; -1: no snapshot */

static void set_time(const char *seconds)
{
	double t = strtod(seconds, NULL);
	struct timespec ts = { .tv_sec = t };

	ts.tv_nsec = (t - ts.tv_sec) * 1e9;
	if (clock_settime(CLOCK_REALTIME, &ts))
		fprintf(stderr, "rig-init: time: %s\n", strerror(errno));
}

/* Hosts from one snapshot must not draw the same random numbers. */
static void set_seed(const char *hex)
{
	struct {
		struct rand_pool_info info;
		unsigned char bytes[32];
	} seed = { .info = { .entropy_count = 256, .buf_size = 32 } };
	unsigned int n;
	int fd;

	for (n = 0; n < sizeof(seed.bytes) &&
	     sscanf(hex + 2 * n, "%2hhx", &seed.bytes[n]) == 1; n++)
		;
	fd = open("/dev/urandom", O_WRONLY | O_CLOEXEC);
	if (n < sizeof(seed.bytes) || fd < 0 ||
	    ioctl(fd, RNDADDENTROPY, &seed) || ioctl(fd, RNDRESEEDCRNG))
		die("seed");
	close(fd);
}

/* Lines of rig.conf: a verb and up to three words, separated by tabs. */
static void configure(int pass)
{
	char line[4096], path[PATH_MAX + 16], *w[4];
	FILE *f = fopen("/rig.conf", "re");
	int n;

	if (!f)
		die("open rig.conf");
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		memset(w, 0, sizeof(w));
		for (n = 0, w[0] = strtok(line, "\t"); w[n] && n < 3; n++)
			w[n + 1] = strtok(NULL, "\t");
		if (!w[0] || !w[1])
			continue;
		if (pass == 0) {
			if (!strcmp(w[0], "module"))
				load_module(w[1]);
			else if (!strcmp(w[0], "snapshot"))
				snapshot_port = atoi(w[1]);
			continue;
		}
		if (!strcmp(w[0], "host")) {
			if (sethostname(w[1], strlen(w[1])))
				die("hostname %s", w[1]);
		} else if (!strcmp(w[0], "share") && w[2] && w[3]) {
			snprintf(path, sizeof(path), "/newroot%s", w[2]);
			mount_9p(w[1], path, w[3]);
		} else if (!strcmp(w[0], "tmpfs")) {
			snprintf(path, sizeof(path), "/newroot%s", w[1]);
			must_mount("tmpfs", path, "tmpfs", 0, "mode=755");
		} else if (!strcmp(w[0], "modules") && w[2]) {
			link_modules(w[1], w[2]);
		} else if (!strcmp(w[0], "time")) {
			set_time(w[1]);
		} else if (!strcmp(w[0], "seed")) {
			set_seed(w[1]);
		}
	}
	fclose(f);
}

/* ---- a session on a port ------------------------------------------------ */

struct session {
	int port;
	int epoll;
	int sigfd;
	char *in;			/* bytes of unfinished frames */
	size_t in_len;
	char *req;
	size_t req_len;
	pid_t pid;			/* 0: no command */
	int fd_in, fd_out, fd_err;	/* the agent's ends, -1 when closed */
	char *stdin_buf;
	size_t stdin_len;
	bool stdin_eof;
};

static const size_t in_max = 5 + FRAME_MAX;

static void watch(struct session *s, int fd, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.fd = fd };

	if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &ev) && errno == EEXIST)
		epoll_ctl(s->epoll, EPOLL_CTL_MOD, fd, &ev);
}

static void shut(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void kill_group(pid_t pid, int sig)
{
	/* The child leads no group before its setsid(). */
	if (kill(-pid, sig))
		kill(pid, sig);
}

static void session_reset(struct session *s, bool kill_job)
{
	/* reap() collects the killed command when it has ended. */
	if (s->pid && kill_job)
		kill_group(s->pid, SIGKILL);
	s->pid = 0;
	shut(&s->fd_in);
	shut(&s->fd_out);
	shut(&s->fd_err);
	s->stdin_len = 0;
	s->stdin_eof = false;
	s->req_len = 0;
}

/* Returns false when the client has gone. */
static bool port_write(struct session *s, const void *data, size_t len)
{
	int patience = PATIENCE_MS;
	const char *p = data;

	while (len) {
		struct pollfd pfd = { .fd = s->port, .events = POLLOUT };
		ssize_t n = write(s->port, p, len);

		if (n > 0) {
			p += n;
			len -= n;
			continue;
		}
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		poll(&pfd, 1, -1);
		if (!(pfd.revents & (POLLHUP | POLLERR)))
			continue;
		if (patience-- <= 0)
			return false;
		usleep(1000);
	}
	return true;
}

static bool send_frame(struct session *s, char type, const void *data,
		       size_t len)
{
	static char buf[5 + OUT_MAX];
	uint32_t le = htole32(len);

	buf[0] = type;
	memcpy(buf + 1, &le, 4);
	memcpy(buf + 5, data, len);
	return port_write(s, buf, 5 + len);
}

static bool send_u32(struct session *s, char type, uint32_t value)
{
	uint32_t le = htole32(value);

	return send_frame(s, type, &le, sizeof(le));
}

static char *next_string(struct session *s, size_t *pos)
{
	char *p = s->req + *pos;
	size_t left = s->req_len - *pos;
	size_t len = strnlen(p, left);

	if (len == left)
		return NULL;
	*pos += len + 1;
	return p;
}

static char **next_list(struct session *s, size_t *pos)
{
	char *count = next_string(s, pos);
	long i, n = count ? atol(count) : -1;
	char **list;

	if (n < 0 || n > REQ_MAX / 2)
		return NULL;
	list = calloc(n + 1, sizeof(*list));
	for (i = 0; list && i < n; i++) {
		list[i] = next_string(s, pos);
		if (!list[i]) {
			free(list);
			return NULL;
		}
	}
	return list;
}

static void run_child(const char *cwd, char **argv, char **envp)
{
	sigset_t none;
	int err;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setsid();
	if (chdir(cwd) && chdir("/"))
		_exit(126);
	environ = envp;
	execvp(argv[0], argv);
	err = errno;
	fprintf(stderr, "rig exec: %s: %s\n", argv[0], strerror(err));
	_exit(err == ENOENT ? 127 : 126);
}

static bool start(struct session *s)
{
	int in[2], out[2], err[2];
	char **argv, **envp;
	size_t pos = 0;
	char *cwd;

	cwd = next_string(s, &pos);
	argv = cwd ? next_list(s, &pos) : NULL;
	envp = argv ? next_list(s, &pos) : NULL;
	if (!envp || !argv[0] || pipe2(in, O_CLOEXEC) ||
	    pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC)) {
		free(argv);
		free(envp);
		return send_u32(s, 'X', 126 << 8);
	}
	s->pid = fork();
	if (!s->pid) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(err[1], 2);
		run_child(cwd, argv, envp);
	}
	free(argv);
	free(envp);
	close(in[0]);
	close(out[1]);
	close(err[1]);
	s->fd_in = in[1];
	s->fd_out = out[0];
	s->fd_err = err[0];
	if (s->pid < 0) {
		s->pid = 0;
		session_reset(s, false);
		return send_u32(s, 'X', 126 << 8);
	}
	fcntl(s->fd_in, F_SETFL, O_NONBLOCK);
	fcntl(s->fd_out, F_SETFL, O_NONBLOCK);
	fcntl(s->fd_err, F_SETFL, O_NONBLOCK);
	watch(s, s->fd_out, EPOLLIN);
	watch(s, s->fd_err, EPOLLIN);
	return send_u32(s, 'S', s->pid);
}

static bool flush_stdin(struct session *s)
{
	ssize_t n;

	while (s->fd_in >= 0 && s->stdin_len) {
		n = write(s->fd_in, s->stdin_buf, s->stdin_len);
		if (n < 0 && errno == EAGAIN) {
			watch(s, s->fd_in, EPOLLOUT | EPOLLONESHOT);
			return true;
		}
		if (n < 0) {
			shut(&s->fd_in);
			break;
		}
		s->stdin_len -= n;
		memmove(s->stdin_buf, s->stdin_buf + n, s->stdin_len);
		if (!send_u32(s, 'C', n))
			return false;
	}
	if (s->fd_in < 0 && s->stdin_len) {
		/*
		 * The command has closed its stdin: discard the bytes and
		 * return the credit, so that the client does not wait.
		 */
		if (!send_u32(s, 'C', s->stdin_len))
			return false;
		s->stdin_len = 0;
	}
	if (s->stdin_eof)
		shut(&s->fd_in);
	return true;
}

/* Returns false when the client has gone. */
static bool copy_out(struct session *s, int *fd, char type, bool all)
{
	static char buf[OUT_MAX];
	ssize_t n;

	while (*fd >= 0) {
		n = read(*fd, buf, sizeof(buf));
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return true;
		if (n <= 0) {
			shut(fd);
			return true;
		}
		if (!send_frame(s, type, buf, n))
			return false;
		if (!all)
			return true;
	}
	return true;
}

static bool reap(struct session *s)
{
	int status;
	pid_t pid;

	do {
		pid = waitpid(-1, &status, WNOHANG);
		if (pid <= 0)
			return true;
	} while (pid != s->pid);
	if (!copy_out(s, &s->fd_out, 'O', true) ||
	    !copy_out(s, &s->fd_err, 'E', true))
		return false;
	session_reset(s, false);
	return send_u32(s, 'X', status);
}

static bool handle(struct session *s, char type, const char *data, size_t len)
{
	char *p;

	switch (type) {
	case 'H':
		session_reset(s, true);
		return send_frame(s, 'A', data, len);
	case 'R':
		if (s->req_len + len > REQ_MAX)
			return false;
		p = realloc(s->req, s->req_len + len);
		if (!p)
			return false;
		s->req = p;
		memcpy(s->req + s->req_len, data, len);
		s->req_len += len;
		return true;
	case 'G':
		return s->pid ? true : start(s);
	case 'I':
		if (!s->pid)
			return true;
		if (s->stdin_len + len > STDIN_WINDOW)
			return false;
		memcpy(s->stdin_buf + s->stdin_len, data, len);
		s->stdin_len += len;
		return flush_stdin(s);
	case 'E':
		s->stdin_eof = true;
		return flush_stdin(s);
	case 'K':
		if (s->pid && len)
			kill_group(s->pid, data[0]);
		return true;
	}
	return true;
}

/*
 * Reads until the port is empty, since the port is watched edge triggered.
 * After the end of a session the bytes that follow may be the next client's.
 */
static void read_port(struct session *s)
{
	size_t pos;
	uint32_t len;
	int gone = 0;
	ssize_t n;

	for (;;) {
		n = read(s->port, s->in + s->in_len, in_max - s->in_len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		/* Without a command or a request no session is lost. */
		if (n < 0 || (n == 0 && ((!s->pid && !s->req_len) ||
					 ++gone > PATIENCE_MS / 5))) {
			session_reset(s, true);
			return;
		}
		if (n == 0) {
			usleep(5000);
			continue;
		}
		gone = 0;
		s->in_len += n;
		for (pos = 0; pos < s->in_len;) {
			if (!s->in[pos]) {
				pos++;
				continue;
			}
			if (s->in_len - pos < 5)
				break;
			memcpy(&len, s->in + pos + 1, 4);
			len = le32toh(len);
			if (len > FRAME_MAX) {
				/* Not a frame: wait for the next padding. */
				pos++;
				continue;
			}
			if (s->in_len - pos < 5 + len)
				break;
			if (!handle(s, s->in[pos], s->in + pos + 5, len))
				session_reset(s, true);
			pos += 5 + len;
		}
		s->in_len -= pos;
		memmove(s->in, s->in + pos, s->in_len);
	}
}

static void serve(const char *dev)
{
	struct session s = { .fd_in = -1, .fd_out = -1, .fd_err = -1 };
	struct signalfd_siginfo si;
	struct epoll_event ev[8];
	sigset_t chld;
	int i, n;

	s.port = open(dev, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (s.port < 0) {
		fprintf(stderr, "rig-init: %s: %s\n", dev, strerror(errno));
		_exit(1);
	}
	s.in = malloc(in_max);
	s.stdin_buf = malloc(STDIN_WINDOW);
	s.epoll = epoll_create1(EPOLL_CLOEXEC);
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, NULL);
	s.sigfd = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
	signal(SIGPIPE, SIG_IGN);
	if (!s.in || !s.stdin_buf || s.epoll < 0 || s.sigfd < 0)
		_exit(1);
	/*
	 * Edge triggered: a port without a client reports POLLHUP all the
	 * time, but wakes the agent only when that changes.
	 */
	watch(&s, s.port, EPOLLIN | EPOLLET);
	watch(&s, s.sigfd, EPOLLIN);
	read_port(&s);
	for (;;) {
		n = epoll_wait(s.epoll, ev, 8, -1);
		for (i = 0; i < n; i++) {
			int fd = ev[i].data.fd;
			bool ok = true;

			if (fd == s.port)
				read_port(&s);
			else if (fd == s.sigfd)
				while (read(fd, &si, sizeof(si)) > 0)
					;
			else if (fd == s.fd_out)
				ok = copy_out(&s, &s.fd_out, 'O', false);
			else if (fd == s.fd_err)
				ok = copy_out(&s, &s.fd_err, 'E', false);
			else if (fd == s.fd_in)
				ok = flush_stdin(&s);
			if (!ok)
				session_reset(&s, true);
		}
		if (!reap(&s))
			session_reset(&s, true);
	}
}

/* ---- process 1 ---------------------------------------------------------- */

#define MAX_PORTS	64

/* The number of a device's port; -1: the device is no port of the rig. */
static int port_number(const char *device)
{
	char path[PATH_MAX], name[64];
	FILE *f;
	int n;

	snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", device);
	f = fopen(path, "re");
	if (!f)
		return -1;
	if (!fgets(name, sizeof(name), f))
		name[0] = 0;
	fclose(f);
	if (sscanf(name, "rig.%d", &n) != 1 || n < 0 || n >= MAX_PORTS)
		return -1;
	snprintf(path, sizeof(path), "/dev/%s", device);
	return access(path, F_OK) ? -1 : n;
}

/* Call @found for each port, until @want are found or @found returns true. */
static int find_ports(int want, bool (*found)(int n, const char *path))
{
	char seen[MAX_PORTS] = { 0 };
	char path[PATH_MAX];
	int tries, nr = 0, n;
	struct dirent *d;
	DIR *dir;

	for (tries = 0; nr < want && tries < 1000; tries++) {
		dir = opendir("/sys/class/virtio-ports");
		while (dir && (d = readdir(dir))) {
			n = port_number(d->d_name);
			if (n < 0 || seen[n])
				continue;
			seen[n] = 1;
			nr++;
			snprintf(path, sizeof(path), "/dev/%s", d->d_name);
			if (found(n, path)) {
				closedir(dir);
				return want;
			}
		}
		if (dir)
			closedir(dir);
		if (nr < want)
			usleep(5000);
	}
	return nr;
}

static bool serve_port(int n, const char *path)
{
	if (!fork())
		serve(path);
	return false;
}

/*
 * Wait for the configuration. The snapshot is taken here: each host that starts
 * from the snapshot continues here.
 */
static bool wait_for_conf(int n, const char *path)
{
	static const char end[] = "go\ton\n";
	char conf[16384];
	size_t len = 0;
	ssize_t got;
	int fd, out;

	if (n != snapshot_port)
		return false;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || write(fd, "S", 1) != 1)
		die("snapshot port");
	while (len < sizeof(end) - 1 ||
	       memcmp(conf + len - (sizeof(end) - 1), end, sizeof(end) - 1)) {
		got = read(fd, conf + len, sizeof(conf) - len);
		if (got < 0 || len == sizeof(conf))
			die("read configuration");
		len += got;
		/* No client has connected yet. */
		if (!got)
			usleep(1000);
	}
	if (write(fd, "G", 1) != 1)
		die("snapshot port");
	close(fd);
	out = open("/rig.conf", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (out < 0 || write(out, conf, len) != (ssize_t)len)
		die("write rig.conf");
	close(out);
	return true;
}

static void pause_for_snapshot(void)
{
	try_mount("sys", "/sys", "sysfs", 0, NULL);
	if (find_ports(MAX_PORTS, wait_for_conf) < MAX_PORTS)
		die("virtio-serial port %d", snapshot_port);
	umount2("/sys", MNT_DETACH);
}

/* A shell on the serial line, after Enter is pressed there. */
static void console_shell(void)
{
	static char *argv[] = { "bash", "-l", NULL };
	int fd;
	char c;

	setsid();
	fd = open("/dev/ttyS0", O_RDWR);
	if (fd < 0)
		_exit(1);
	ioctl(fd, TIOCSCTTY, 0);
	dup2(fd, 0);
	dup2(fd, 1);
	dup2(fd, 2);
	while (read(0, &c, 1) == 1 && c != '\n' && c != '\r')
		;
	execv("/bin/bash", argv);
	_exit(1);
}

int main(void)
{
	pid_t shell, pid;
	int fd;

	try_mount("dev", "/dev", "devtmpfs", 0, NULL);
	fd = open("/dev/console", O_RDWR);
	if (fd >= 0) {
		dup2(fd, 0);
		dup2(fd, 1);
		dup2(fd, 2);
		if (fd > 2)
			close(fd);
	}
	umask(022);
	configure(0);
	if (snapshot_port >= 0)
		pause_for_snapshot();
	make_root();
	configure(1);
	write_file("/newroot/run/rig", "1\n");
	/* The stacks of hung tasks are informational messages. */
	write_file("/newroot/proc/sys/kernel/printk", "7\n");
	umount2("/dev", MNT_DETACH);
	if (chdir("/newroot") || mount(".", "/", NULL, MS_MOVE, NULL) ||
	    chroot(".") || chdir("/"))
		die("switch root");
	loopback_up();
	clearenv();
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("HOME", "/root", 1);
	setenv("USER", "root", 1);
	setenv("LANG", "C.UTF-8", 1);
	setenv("TERM", "vt100", 1);
	if (find_ports(RIG_PORTS, serve_port) < RIG_PORTS)
		die("virtio-serial ports");
	for (;;) {
		shell = fork();
		if (!shell)
			console_shell();
		do {
			pid = waitpid(-1, NULL, 0);
		} while (pid > 0 && pid != shell);
		sleep(1);
	}
}
