/*
 * Many clients at one target, each asking again as soon as it has its answer. Prints `ready`; then each line of its input is a number
 * of transactions, and for each it prints how long they took and the median and the 99th percentile of one, in nanoseconds.
 */
#include "probe.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define CLIENTS_MAX 10000
#define TRANSACTIONS_MAX 10000000
#define EVENTS 64

struct run {
	const struct target *target;
	const struct query *query;
	struct session *sessions;
	uint64_t *began;
	uint64_t *times;
	uint32_t left;
	uint32_t done;
	uint32_t transactions;
};

static void ask(struct run *run, uint32_t client)
{
	char message[MESSAGE_BYTES_MAX];
	size_t length = ask_message(run->query, message);
	begin_answer(&run->sessions[client]);
	run->left -= 1;
	run->began[client] = now_ns();
	send_all(&run->sessions[client], message, length);
}

static void hear(struct run *run, uint32_t client)
{
	struct session *session = &run->sessions[client];
	while (!session->ready && read_some(session))
		;
	if (!session->ready)
		return;
	expect_rows(session, run->target->name, 1);
	run->times[run->done++] = now_ns() - run->began[client];
	if (run->left > 0)
		ask(run, client);
}

static int compare(const void *one, const void *other)
{
	uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
	return a < b ? -1 : a > b;
}

static void work(struct run *run, int events, uint32_t clients)
{
	run->left = run->transactions;
	run->done = 0;
	uint64_t began = now_ns();
	for (uint32_t client = 0; client < clients && run->left > 0; client += 1)
		ask(run, client);
	while (run->done < run->transactions) {
		struct epoll_event heard[EVENTS];
		int count = epoll_wait(events, heard, EVENTS, 30000);
		if (count <= 0)
			fail("%s: no answer within 30 seconds", run->target->name);
		for (int at = 0; at < count; at += 1)
			hear(run, heard[at].data.u32);
	}
	uint64_t took = now_ns() - began;
	qsort(run->times, run->done, sizeof *run->times, compare);
	printf("%llu %llu %llu\n", (unsigned long long)took, (unsigned long long)run->times[run->done / 2],
	       (unsigned long long)run->times[run->done - 1 - run->done / 100]);
	fflush(stdout);
}

/* CLIENTS simple|prepared QUERY KEYS TARGET */
int run_load(int count, char **words)
{
	if (count != 5)
		fail("load CLIENTS simple|prepared QUERY KEYS TARGET");
	uint32_t clients = read_number(words[0], CLIENTS_MAX);
	struct query query = read_query(words[1], words[2], words[3]);
	struct target target = read_target(words[4]);
	struct session *sessions = open_many(&target, &query, clients);
	int events = epoll_create1(EPOLL_CLOEXEC);
	for (uint32_t client = 0; client < clients; client += 1) {
		struct epoll_event wanted = {.events = EPOLLIN, .data.u32 = client};
		fcntl(sessions[client].fd, F_SETFL, O_NONBLOCK);
		if (epoll_ctl(events, EPOLL_CTL_ADD, sessions[client].fd, &wanted) != 0)
			fail("epoll");
	}
	struct run run = {.target = &target, .query = &query, .sessions = sessions};
	run.began = must_allocate(sizeof *run.began * clients);
	run.times = NULL;
	printf("ready\n");
	fflush(stdout);
	char line[32];
	while (fgets(line, sizeof line, stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		run.transactions = read_number(line, TRANSACTIONS_MAX);
		if (run.transactions == 0)
			fail("no transactions are none to measure");
		run.times = realloc(run.times, sizeof *run.times * run.transactions);
		if (run.times == NULL)
			fail("no memory");
		work(&run, events, clients);
	}
	return 0;
}
