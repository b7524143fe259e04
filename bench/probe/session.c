/* Opens a session, asks, and walks over the messages of the answer without keeping any. */
#include "probe.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES (256 * 1024)
#define LOGIN_BYTES_MAX 65536

static SSL_CTX *tls_context;
static pthread_once_t tls_made = PTHREAD_ONCE_INIT;

static void make_tls_context(void)
{
	tls_context = SSL_CTX_new(TLS_client_method());
}

static void put32(char *at, uint32_t value)
{
	uint32_t wire = htonl(value);
	memcpy(at, &wire, sizeof wire);
}

static uint32_t get32(const void *at)
{
	uint32_t wire;
	memcpy(&wire, at, sizeof wire);
	return ntohl(wire);
}

static int dial(const struct target *target)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		fail("socket: %s", strerror(errno));
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(target->port)};
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
		fail("%s at port %u: %s", target->name, target->port, strerror(errno));
	int on = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return fd;
}

/* What it costs to encrypt is measured, not the check of a certificate. */
static SSL *encrypt(int fd, const struct target *target)
{
	static const char request[8] = {0, 0, 0, 8, 0x04, (char)0xd2, 0x16, 0x2f};
	char answer = 0;
	if (write(fd, request, sizeof request) != sizeof request || read(fd, &answer, 1) != 1 || answer != 'S')
		fail("%s offers no TLS", target->name);
	pthread_once(&tls_made, make_tls_context);
	SSL *ssl = SSL_new(tls_context);
	if (ssl == NULL || SSL_set_fd(ssl, fd) != 1 || SSL_connect(ssl) != 1)
		fail("%s: the TLS handshake failed", target->name);
	return ssl;
}

void send_all(struct session *session, const char *bytes, size_t length)
{
	/* A request fits into any socket's buffer, so less than all of it is a fault. */
	ssize_t sent = session->ssl == NULL ? write(session->fd, bytes, length)
					    : SSL_write(session->ssl, bytes, (int)length);
	if (sent != (ssize_t)length)
		fail("a request could not be sent: %s", strerror(errno));
}

static void read_exactly(struct session *session, char *to, size_t length)
{
	for (size_t have = 0; have < length;) {
		ssize_t got = session->ssl == NULL ? read(session->fd, to + have, length - have)
						   : SSL_read(session->ssl, to + have, (int)(length - have));
		if (got <= 0)
			fail("%s hung up while signing in", session->name);
		have += (size_t)got;
	}
}

/* One whole message of the sign-in, ended by a NUL of ours. */
static char read_message(struct session *session, char body[LOGIN_BYTES_MAX])
{
	char header[5];
	read_exactly(session, header, sizeof header);
	uint32_t length = get32(header + 1) - 4;
	if (length >= LOGIN_BYTES_MAX)
		fail("a message of %u bytes while signing in", length);
	read_exactly(session, body, length);
	body[length] = '\0';
	return header[0];
}

static void send_password_message(struct session *session, char *message, size_t length)
{
	message[0] = 'p';
	put32(message + 1, (uint32_t)length - 1);
	send_all(session, message, length);
}

static void authenticate(struct session *session, const char *body, char nonce[33])
{
	const char *password = getenv("PROBE_PASSWORD");
	char message[2048];
	switch (get32(body)) {
	case 0:
	case 12:
		return;
	case 10: {
		static const char mechanism[] = "SCRAM-SHA-256";
		memcpy(message + 5, mechanism, sizeof mechanism);
		char *first = message + 5 + sizeof mechanism;
		size_t length = scram_first(first + 4, nonce);
		put32(first, (uint32_t)length);
		return send_password_message(session, message, (size_t)(first + 4 - message) + length);
	}
	case 11: {
		size_t length = scram_final(body + 4, nonce, password == NULL ? "" : password, message + 5);
		return send_password_message(session, message, 5 + length);
	}
	default:
		fail("asked for authentication of kind %u", get32(body));
	}
}

static const char *error_text(const char *body)
{
	for (const char *field = body; *field != '\0'; field += strlen(field) + 1)
		if (*field == 'M')
			return field + 1;
	return "no message";
}

struct session sign_in(const struct target *target)
{
	struct session session = {.name = target->name, .fd = dial(target)};
	if (target->tls)
		session.ssl = encrypt(session.fd, target);
	const char *database = getenv("PROBE_DATABASE");
	char message[256];
	put32(message + 4, 196608);
	int length = 8 + snprintf(message + 8, sizeof message - 8, "user%c%s%cdatabase%c%s%c", 0, target->user, 0, 0,
				  database == NULL ? "postgres" : database, 0);
	message[length++] = '\0';
	put32(message, (uint32_t)length);
	send_all(&session, message, (size_t)length);
	char *body = must_allocate(LOGIN_BYTES_MAX);
	char nonce[33] = "";
	for (;;) {
		char type = read_message(&session, body);
		if (type == 'Z')
			break;
		if (type == 'E')
			fail("%s lets nobody in: %s", target->name, error_text(body));
		if (type == 'R')
			authenticate(&session, body, nonce);
	}
	free(body);
	return session;
}

void close_session(struct session *session)
{
	static const char terminate[5] = {'X', 0, 0, 0, 4};
	send_all(session, terminate, sizeof terminate);
	if (session->ssl != NULL)
		SSL_free(session->ssl);
	close(session->fd);
}

static char *put_message(char *at, char type, const char *body, size_t length)
{
	at[0] = type;
	put32(at + 1, (uint32_t)length + 4);
	memcpy(at + 5, body, length);
	return at + 5 + length;
}

size_t simple_message(const char *text, char message[MESSAGE_BYTES_MAX])
{
	if (strlen(text) > MESSAGE_BYTES_MAX - 16)
		fail("the query is too long");
	return (size_t)(put_message(message, 'Q', text, strlen(text) + 1) - message);
}

static void prepare(struct session *session, const struct query *query)
{
	char body[MESSAGE_BYTES_MAX - 64] = "one";
	char message[MESSAGE_BYTES_MAX];
	const char *place = strstr(query->text, "%d");
	if (place == NULL || strlen(query->text) > sizeof body - 16)
		fail("the query has no %%d, or is too long");
	int head = (int)(place - query->text);
	int length = 4 + snprintf(body + 4, sizeof body - 4, "%.*s$1%s", head, query->text, place + 2) + 1;
	body[length++] = 0;
	body[length++] = 0;
	char *end = put_message(message, 'P', body, (size_t)length);
	end = put_message(end, 'S', "", 0);
	begin_answer(session);
	send_all(session, message, (size_t)(end - message));
	read_answer(session);
	if (session->failed)
		fail("the query cannot be prepared: %s", session->error);
}

struct session open_session(const struct target *target, const struct query *query)
{
	struct session session = sign_in(target);
	if (query->prepared)
		prepare(&session, query);
	return session;
}

static size_t prepared_message(uint32_t key, char *message)
{
	/* Bind, Describe, Execute, Sync: what libpq sends for a prepared statement. */
	char body[64] = {0, 'o', 'n', 'e', 0, 0, 0, 0, 1};
	int digits = snprintf(body + 13, sizeof body - 13, "%u", key);
	put32(body + 9, (uint32_t)digits);
	/* Behind the key no formats of results, which means text. */
	char *end = put_message(message, 'B', body, 13 + (size_t)digits + 2);
	end = put_message(end, 'D', "P", 2);
	end = put_message(end, 'E', "\0\0\0\0", 5);
	return (size_t)(put_message(end, 'S', "", 0) - message);
}

size_t ask_message(const struct query *query, char message[MESSAGE_BYTES_MAX])
{
	uint32_t key = 1 + random_below(query->keys);
	if (query->prepared)
		return prepared_message(key, message);
	char text[MESSAGE_BYTES_MAX - 16];
	const char *place = strstr(query->text, "%d");
	if (place == NULL)
		return simple_message(query->text, message);
	snprintf(text, sizeof text, "%.*s%u%s", (int)(place - query->text), query->text, key, place + 2);
	return simple_message(text, message);
}

void begin_answer(struct session *session)
{
	session->bytes = 0;
	session->rows = 0;
	session->failed = false;
	session->ready = false;
	session->error_bytes = 0;
}

/* Of an error its beginning is kept, for the person who reads that something failed. */
static void keep_error(struct session *session, const char *bytes, size_t length)
{
	for (size_t at = 0; at < length && session->error_bytes < sizeof session->error - 1; at += 1)
		session->error[session->error_bytes++] = bytes[at] == '\0' ? ' ' : bytes[at];
	session->error[session->error_bytes] = '\0';
}

static void begin_message(struct session *session)
{
	session->left = get32(session->header + 1) - 4;
	session->rows += session->header[0] == 'D';
	session->failed |= session->header[0] == 'E';
}

static void walk(struct session *session, const char *bytes, size_t length)
{
	while (length > 0) {
		if (session->header_bytes < sizeof session->header) {
			size_t wanted = sizeof session->header - session->header_bytes;
			size_t taken = wanted < length ? wanted : length;
			memcpy(session->header + session->header_bytes, bytes, taken);
			session->header_bytes += taken;
			bytes += taken;
			length -= taken;
			if (session->header_bytes < sizeof session->header)
				return;
			begin_message(session);
		}
		size_t taken = session->left < length ? session->left : length;
		if (session->header[0] == 'E')
			keep_error(session, bytes, taken);
		session->left -= taken;
		bytes += taken;
		length -= taken;
		if (session->left > 0)
			return;
		session->header_bytes = 0;
		if (session->header[0] == 'Z')
			session->ready = true;
	}
}

static char *read_buffer(void)
{
	static _Thread_local char *buffer;
	if (buffer == NULL)
		buffer = must_allocate(READ_BYTES);
	return buffer;
}

bool read_some(struct session *session)
{
	char *buffer = read_buffer();
	ssize_t got;
	if (session->ssl == NULL) {
		got = read(session->fd, buffer, READ_BYTES);
		if (got < 0 && errno == EAGAIN)
			return false;
	} else {
		got = SSL_read(session->ssl, buffer, READ_BYTES);
		if (got <= 0 && SSL_get_error(session->ssl, (int)got) == SSL_ERROR_WANT_READ)
			return false;
	}
	if (got <= 0)
		fail("%s hung up in an answer, after %llu bytes: %s", session->name,
		     (unsigned long long)session->bytes, session->failed ? session->error : "no error was told");
	session->bytes += (uint64_t)got;
	walk(session, buffer, (size_t)got);
	return true;
}

void read_answer(struct session *session)
{
	while (!session->ready)
		read_some(session);
}

void expect_rows(const struct session *session, const char *name, uint64_t rows)
{
	if (session->failed)
		fail("%s: %s", name, session->error);
	if (session->rows != rows)
		fail("%s: %llu rows instead of %llu", name, (unsigned long long)session->rows,
		     (unsigned long long)rows);
}
