#include "probe.h"
#include <signal.h>
#include <string.h>

static const struct {
	const char *name;
	int (*run)(int count, char **words);
} COMMANDS[] = {
	{"paired", run_paired},
	{"load", run_load},
	{"bulk", run_bulk},
};

int main(int count, char **words)
{
	signal(SIGPIPE, SIG_IGN);
	for (size_t at = 0; count > 1 && at < sizeof COMMANDS / sizeof *COMMANDS; at += 1)
		if (strcmp(words[1], COMMANDS[at].name) == 0)
			return COMMANDS[at].run(count - 2, words + 2);
	fail("give one of paired, load and bulk");
}
