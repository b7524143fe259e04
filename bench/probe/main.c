#include "probe.h"
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

static const struct {
	const char *name;
	int (*run)(int count, char **words);
} COMMANDS[] = {
	{"paired", run_paired},
	{"load", run_load},
	{"bulk", run_bulk},
	{"connect", run_connect},
	{"hold", run_hold},
	{"upstream", run_upstream},
};

int main(int count, char **words)
{
	signal(SIGPIPE, SIG_IGN);
	/* As many sockets as anybody may have. */
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	for (size_t at = 0; count > 1 && at < sizeof COMMANDS / sizeof *COMMANDS; at += 1)
		if (strcmp(words[1], COMMANDS[at].name) == 0)
			return COMMANDS[at].run(count - 2, words + 2);
	fail("give one of paired, load, bulk, connect, hold and upstream");
}
