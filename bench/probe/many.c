/* Many sessions: opened several at once, and held. */
#include "probe.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define OPENERS 32
#define SESSIONS_MAX 50000

/* An empty text: a pooler connects to the server for it. */
static void ask_nothing(struct session *session, const struct target *target)
{
	char message[MESSAGE_BYTES_MAX];
	size_t length = simple_message("", message);
	begin_answer(session);
	send_all(session, message, length);
	read_answer(session);
	expect_rows(session, target->name, 0);
}

struct opening {
	/* Something, once it is open. */
	bool asks;
	const struct target *target;
	const struct query *query;
	struct session *sessions;
	uint32_t clients;
	uint32_t next;
};

static void *open_some(void *given)
{
	struct opening *opening = given;
	for (;;) {
		uint32_t at = __atomic_fetch_add(&opening->next, 1, __ATOMIC_RELAXED);
		if (at >= opening->clients)
			return NULL;
		opening->sessions[at] = open_session(opening->target, opening->query);
		if (opening->asks)
			ask_nothing(&opening->sessions[at], opening->target);
	}
}

static struct session *open_all(const struct target *target, const struct query *query, uint32_t clients, bool asks)
{
	struct opening opening = {asks, target, query, must_allocate(sizeof(struct session) * clients), clients, 0};
	pthread_t threads[OPENERS];
	uint32_t count = clients < OPENERS ? clients : OPENERS;
	for (uint32_t at = 0; at < count; at += 1)
		if (pthread_create(&threads[at], NULL, open_some, &opening) != 0)
			fail("no thread");
	for (uint32_t at = 0; at < count; at += 1)
		pthread_join(threads[at], NULL);
	return opening.sessions;
}

struct session *open_many(const struct target *target, const struct query *query, uint32_t clients)
{
	return open_all(target, query, clients, false);
}

/*
 * Sessions that say nothing any more, until the input ends. Prints `ready`, and then how long they took to open in nanoseconds. Each
 * asks an empty text first where the second word says so. COUNT silent|asks TARGET
 */
int run_hold(int count, char **words)
{
	if (count != 3)
		fail("hold COUNT silent|asks TARGET");
	uint32_t clients = read_number(words[0], SESSIONS_MAX);
	bool asks = strcmp(words[1], "asks") == 0;
	struct target target = read_target(words[2]);
	struct query query = {0};
	uint64_t began = now_ns();
	struct session *sessions = open_all(&target, &query, clients, asks);
	uint64_t took = now_ns() - began;
	printf("ready\n%llu\n", (unsigned long long)took);
	fflush(stdout);
	while (getchar() != EOF)
		;
	for (uint32_t at = 0; at < clients; at += 1)
		close_session(&sessions[at]);
	return 0;
}
