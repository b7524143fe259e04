/*
 * A server that lets everybody in who speaks SCRAM and then has nothing to say: what holds thousands of idle sessions must not need
 * thousands of backends. Prints `ready`, and then its port.
 */
#define _GNU_SOURCE
#include "probe.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 256
#define BACKLOG 4096
#define SESSIONS_MAX 65536
#define HEARD_BYTES_MAX 1024

enum stage { STARTUP, FIRST, FINAL, READY };

struct client {
	enum stage stage;
	char heard[HEARD_BYTES_MAX];
	size_t heard_bytes;
	struct challenge challenge;
};

static struct client *clients[SESSIONS_MAX];

static uint32_t get32(const char *at)
{
	uint32_t wire;
	memcpy(&wire, at, sizeof wire);
	return ntohl(wire);
}

static size_t put(char *at, char type, const char *body, size_t length)
{
	uint32_t wire = htonl((uint32_t)length + 4);
	at[0] = type;
	memcpy(at + 1, &wire, sizeof wire);
	memcpy(at + 5, body, length);
	return 5 + length;
}

static size_t put_authentication(char *at, uint32_t kind, const char *text, size_t length)
{
	char body[SCRAM_TEXT_BYTES + 4];
	uint32_t wire = htonl(kind);
	memcpy(body, &wire, sizeof wire);
	memcpy(body + 4, text, length);
	return put(at, 'R', body, 4 + length);
}

static size_t put_parameter(char *at, const char *name, const char *value)
{
	char body[128];
	size_t head = strlen(name) + 1;
	memcpy(body, name, head);
	memcpy(body + head, value, strlen(value) + 1);
	return put(at, 'S', body, head + strlen(value) + 1);
}

static size_t put_welcome(char *at)
{
	static const char *const PARAMETERS[][2] = {
		{"server_version", "18.4"},
		{"server_encoding", "UTF8"},
		{"client_encoding", "UTF8"},
		{"standard_conforming_strings", "on"},
		{"integer_datetimes", "on"},
		{"DateStyle", "ISO, MDY"},
		{"IntervalStyle", "postgres"},
		{"TimeZone", "UTC"},
		{"is_superuser", "off"},
		{"session_authorization", "bench_agent"},
		{"search_path", "\"$user\", public"},
		{"application_name", ""},
		{"in_hot_standby", "off"},
		{"default_transaction_read_only", "off"},
		{"scram_iterations", "4096"},
	};
	size_t length = put_authentication(at, 0, "", 0);
	for (size_t row = 0; row < sizeof PARAMETERS / sizeof *PARAMETERS; row += 1)
		length += put_parameter(at + length, PARAMETERS[row][0], PARAMETERS[row][1]);
	static const char key[8] = {0, 0, 0, 1, 0, 0, 0, 1};
	length += put(at + length, 'K', key, sizeof key);
	return length + put(at + length, 'Z', "I", 1);
}

static size_t put_value(char *at, const char *column, const char *value, const char *tag)
{
	char body[128];
	/* One column: its name, no table, no number in it, text of any length, as text. */
	static const char type[18] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 25, -1, -1, -1, -1, -1, -1, 0, 0};
	size_t name = strlen(column) + 1;
	body[0] = 0;
	body[1] = 1;
	memcpy(body + 2, column, name);
	memcpy(body + 2 + name, type, sizeof type);
	size_t length = put(at, 'T', body, 2 + name + sizeof type);
	uint32_t bytes = htonl((uint32_t)strlen(value));
	memcpy(body + 2, &bytes, sizeof bytes);
	memcpy(body + 6, value, strlen(value));
	length += put(at + length, 'D', body, 6 + strlen(value));
	return length + put(at + length, 'C', tag, strlen(tag) + 1);
}

/* What a gateway asks at the beginning of a session, and nothing for everything else. */
static size_t put_result(char *at, const char *text)
{
	static const char opening[] = "SHOW search_path; SELECT current_user";
	size_t length = 0;
	if (strcmp(text, opening) == 0) {
		length += put_value(at, "search_path", "\"$user\", public", "SHOW");
		length += put_value(at + length, "current_user", "bench_agent", "SELECT 1");
	} else {
		length += put(at, 'I', "", 0);
	}
	return length + put(at + length, 'Z', "I", 1);
}

/* Codes of what may come in place of a startup: they ask for encryption, by TLS or Kerberos. */
#define SSL_REQUEST 80877103
#define GSS_REQUEST 80877104

/* What is said to one whole message; 0: nothing. */
static size_t answer(struct client *client, const char *message, char *said)
{
	switch (client->stage) {
	case STARTUP: {
		static const char mechanisms[] = "SCRAM-SHA-256\0";
		uint32_t code = get32(message + 4);
		if (code == SSL_REQUEST || code == GSS_REQUEST) {
			*said = 'N';
			return 1;
		}
		client->stage = FIRST;
		return put_authentication(said, 10, mechanisms, sizeof mechanisms);
	}
	case FIRST:
		/* Behind the type and length: the mechanism, the length of what follows, and that. */
		scram_challenge(message + 5 + sizeof "SCRAM-SHA-256" + 4, &client->challenge);
		client->stage = FINAL;
		return put_authentication(said, 11, client->challenge.server_first,
					  strlen(client->challenge.server_first));
	case FINAL: {
		char text[SCRAM_TEXT_BYTES];
		scram_server_final(message + 5, &client->challenge, text);
		client->stage = READY;
		size_t length = put_authentication(said, 12, text, strlen(text));
		return length + put_welcome(said + length);
	}
	case READY:
		return message[0] == 'Q' ? put_result(said, message + 5) : 0;
	}
	return 0;
}

static void forget(int fd)
{
	free(clients[fd]);
	clients[fd] = NULL;
	close(fd);
}

/* Takes whole messages from the front of what was heard. */
static void hear(int fd)
{
	struct client *client = clients[fd];
	ssize_t got = read(fd, client->heard + client->heard_bytes, HEARD_BYTES_MAX - 1 - client->heard_bytes);
	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0)
		return forget(fd);
	client->heard_bytes += (size_t)got;
	size_t head = client->stage == STARTUP ? 0 : 1;
	if (client->heard_bytes < head + 4)
		return;
	size_t length = head + get32(client->heard + head);
	if (length >= HEARD_BYTES_MAX)
		return forget(fd);
	if (client->heard_bytes < length)
		return;
	/* Nobody asks again before the answer is there, so it is one message. */
	client->heard[client->heard_bytes] = '\0';
	char said[2048];
	size_t says = answer(client, client->heard, said);
	client->heard_bytes = 0;
	if (says > 0 && write(fd, said, says) != (ssize_t)says)
		forget(fd);
}

static int listen_anywhere(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_in address = {.sin_family = AF_INET};
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	socklen_t length = sizeof address;
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) != 0 || listen(fd, BACKLOG) != 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &length) != 0)
		fail("cannot listen: %s", strerror(errno));
	printf("ready\n%u\n", ntohs(address.sin_port));
	fflush(stdout);
	return fd;
}

static void take(int listener, int events)
{
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0 && errno == EAGAIN)
			return;
		if (fd < 0 || fd >= SESSIONS_MAX)
			fail("cannot take one more: %s", strerror(errno));
		clients[fd] = must_allocate(sizeof **clients);
		struct epoll_event wanted = {.events = EPOLLIN, .data.fd = fd};
		epoll_ctl(events, EPOLL_CTL_ADD, fd, &wanted);
	}
}

int run_upstream(int count, char **words)
{
	(void)words;
	const char *password = getenv("PROBE_PASSWORD");
	if (count != 0 || password == NULL)
		fail("upstream, with PROBE_PASSWORD in the environment");
	scram_prepare(password);
	int listener = listen_anywhere();
	int events = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event wanted = {.events = EPOLLIN, .data.fd = listener};
	epoll_ctl(events, EPOLL_CTL_ADD, listener, &wanted);
	/* Ends with whoever started it. */
	struct epoll_event input = {.events = EPOLLIN | EPOLLHUP, .data.fd = STDIN_FILENO};
	epoll_ctl(events, EPOLL_CTL_ADD, STDIN_FILENO, &input);
	for (;;) {
		struct epoll_event heard[EVENTS];
		int ready = epoll_wait(events, heard, EVENTS, -1);
		for (int at = 0; at < ready; at += 1) {
			if (heard[at].data.fd == STDIN_FILENO)
				return 0;
			if (heard[at].data.fd == listener)
				take(listener, events);
			else
				hear(heard[at].data.fd);
		}
	}
}
