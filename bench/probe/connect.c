/*
 * How long it takes from nothing to the first row: connect, sign in, ask, read. Every target once in each round, in random order.
 * Prints a line for each target: its name and its times in nanoseconds, the first rounds left out.
 */
#include "probe.h"

#define ROUNDS_MAX 100000

static uint64_t once(const struct target *target, const struct query *query)
{
	char message[MESSAGE_BYTES_MAX];
	size_t length = ask_message(query, message);
	uint64_t began = now_ns();
	struct session session = open_session(target, query);
	begin_answer(&session);
	send_all(&session, message, length);
	read_answer(&session);
	uint64_t took = now_ns() - began;
	expect_rows(&session, target->name, 1);
	close_session(&session);
	return took;
}

/* ROUNDS simple QUERY KEYS TARGET... */
int run_connect(int count, char **words)
{
	if (count < 5 || count - 4 > TARGETS_MAX)
		fail("connect ROUNDS simple QUERY KEYS TARGET...");
	uint32_t rounds = read_number(words[0], ROUNDS_MAX);
	struct query query = read_query(words[1], words[2], words[3]);
	uint32_t targets = (uint32_t)count - 4;
	struct target target[TARGETS_MAX];
	uint64_t *times[TARGETS_MAX];
	uint32_t order[TARGETS_MAX];
	for (uint32_t at = 0; at < targets; at += 1) {
		target[at] = read_target(words[4 + at]);
		times[at] = must_allocate(sizeof **times * rounds);
		order[at] = at;
	}
	uint32_t warm = rounds / 10;
	for (uint32_t round = 0; round < warm + rounds; round += 1) {
		shuffle(order, targets);
		for (uint32_t at = 0; at < targets; at += 1) {
			uint64_t took = once(&target[order[at]], &query);
			if (round >= warm)
				times[order[at]][round - warm] = took;
		}
	}
	for (uint32_t at = 0; at < targets; at += 1)
		print_times(target[at].name, times[at], rounds);
	return 0;
}
