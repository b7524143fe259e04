#include "probe.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void fail(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	fputs("probe: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	exit(1);
}

void *must_allocate(size_t bytes)
{
	void *memory = calloc(1, bytes);
	if (memory == NULL)
		fail("no memory for %zu bytes", bytes);
	return memory;
}

uint64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* xorshift64*: which row is asked for has to be spread, nothing more. */
uint32_t random_below(uint32_t bound)
{
	static _Thread_local uint64_t state;
	if (state == 0)
		state = now_ns() | 1;
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (uint32_t)((((state * 0x2545f4914f6cdd1du) >> 32) * bound) >> 32);
}

void shuffle(uint32_t *order, uint32_t count)
{
	for (uint32_t last = count; last > 1; last -= 1) {
		uint32_t other = random_below(last);
		uint32_t held = order[last - 1];
		order[last - 1] = order[other];
		order[other] = held;
	}
}

uint32_t read_number(const char *word, uint32_t max)
{
	char *end;
	unsigned long value = strtoul(word, &end, 10);
	if (*word < '0' || *word > '9' || *end != '\0' || value > max)
		fail("%s is no whole number up to %u", word, max);
	return (uint32_t)value;
}

struct target read_target(const char *word)
{
	struct target target = {0};
	char port[8], kind[8];
	if (sscanf(word, "%31[^:]:%7[^:]:%31[^:]:%7s", target.name, port, target.user, kind) != 4)
		fail("a target is name:port:user:plain or name:port:user:tls, and not %s", word);
	target.port = (uint16_t)read_number(port, 65535);
	target.tls = strcmp(kind, "tls") == 0;
	return target;
}

struct query read_query(const char *mode, const char *text, const char *keys)
{
	struct query query = {.text = text, .keys = read_number(keys, UINT32_MAX - 1)};
	query.prepared = strcmp(mode, "prepared") == 0;
	if (!query.prepared && strcmp(mode, "simple") != 0)
		fail("a query is simple or prepared, and not %s", mode);
	return query;
}

void print_times(const char *name, const uint64_t *times, uint32_t count)
{
	printf("%s", name);
	for (uint32_t at = 0; at < count; at += 1)
		printf(" %llu", (unsigned long long)times[at]);
	printf("\n");
}
