/*
 * One large answer, read as fast as it comes. Prints `ready`; then each line of its input is a query, and for each it prints
 * nanoseconds, bytes and rows.
 */
#include "probe.h"
#include <stdio.h>
#include <string.h>

/* TARGET */
int run_bulk(int count, char **words)
{
	if (count != 1)
		fail("bulk TARGET");
	struct target target = read_target(words[0]);
	struct session session = sign_in(&target);
	printf("ready\n");
	fflush(stdout);
	char text[MESSAGE_BYTES_MAX - 16];
	while (fgets(text, sizeof text, stdin) != NULL) {
		text[strcspn(text, "\n")] = '\0';
		char message[MESSAGE_BYTES_MAX];
		size_t length = simple_message(text, message);
		begin_answer(&session);
		uint64_t began = now_ns();
		send_all(&session, message, length);
		read_answer(&session);
		uint64_t took = now_ns() - began;
		if (session.failed)
			fail("%s: %s", target.name, session.error);
		printf("%llu %llu %llu\n", (unsigned long long)took, (unsigned long long)session.bytes,
		       (unsigned long long)session.rows);
		fflush(stdout);
	}
	close_session(&session);
	return 0;
}
