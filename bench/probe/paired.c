/*
 * Latency of one client. Every target is asked once in each round, in random order, so that whatever else the machine does meets all
 * of them alike. Prints a line for each target: its name and its times in nanoseconds, the first rounds left out.
 */
#include "probe.h"

#define ROUNDS_MAX 1000000

static uint64_t ask(struct session *session, const struct query *query, const char *name)
{
	char message[MESSAGE_BYTES_MAX];
	size_t length = ask_message(query, message);
	begin_answer(session);
	uint64_t began = now_ns();
	send_all(session, message, length);
	read_answer(session);
	uint64_t took = now_ns() - began;
	expect_rows(session, name, 1);
	return took;
}

/* ROUNDS simple|prepared QUERY KEYS TARGET... */
int run_paired(int count, char **words)
{
	if (count < 5 || count - 4 > TARGETS_MAX)
		fail("paired ROUNDS simple|prepared QUERY KEYS TARGET...");
	uint32_t rounds = read_number(words[0], ROUNDS_MAX);
	struct query query = read_query(words[1], words[2], words[3]);
	uint32_t targets = (uint32_t)count - 4;
	struct target target[TARGETS_MAX];
	struct session session[TARGETS_MAX];
	uint64_t *times[TARGETS_MAX];
	uint32_t order[TARGETS_MAX];
	for (uint32_t at = 0; at < targets; at += 1) {
		target[at] = read_target(words[4 + at]);
		session[at] = open_session(&target[at], &query);
		times[at] = must_allocate(sizeof **times * rounds);
		order[at] = at;
	}
	/* One tenth to warm up: caches of plans, of decisions, compiled code. */
	uint32_t warm = rounds / 10;
	for (uint32_t round = 0; round < warm + rounds; round += 1) {
		shuffle(order, targets);
		for (uint32_t at = 0; at < targets; at += 1) {
			uint32_t which = order[at];
			uint64_t took = ask(&session[which], &query, target[which].name);
			if (round >= warm)
				times[which][round - warm] = took;
		}
	}
	for (uint32_t at = 0; at < targets; at += 1) {
		print_times(target[at].name, times[at], rounds);
		close_session(&session[at]);
	}
	return 0;
}
