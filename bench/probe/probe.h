/* One PostgreSQL client for all probes: as little as a client can be, so that what is measured is not the client. */
#ifndef PROBE_H
#define PROBE_H
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Written `name:port:user:plain` or `name:port:user:tls`; always on this machine. */
struct target {
	char name[32];
	uint16_t port;
	char user[32];
	bool tls;
};

struct session {
	const char *name;
	int fd;
	SSL *ssl;
	/* Where in the server's stream of messages we are. */
	uint8_t header[5];
	size_t header_bytes;
	size_t left;
	/* Of the answer that is being read. */
	uint64_t bytes;
	uint64_t rows;
	bool failed;
	bool ready;
	char error[200];
	size_t error_bytes;
};

/* The text has one %d in it, a key from 1 to `keys`. */
struct query {
	const char *text;
	bool prepared;
	uint32_t keys;
};

#define MESSAGE_BYTES_MAX 4096
#define TARGETS_MAX 32

struct target read_target(const char *word);
struct query read_query(const char *mode, const char *text, const char *keys);
uint32_t read_number(const char *word, uint32_t max);

/* Connects, signs in and, where the query is a prepared one, prepares it. Ends the program with a word where it cannot. */
struct session open_session(const struct target *target, const struct query *query);
/* Connects and signs in, and prepares nothing. */
struct session sign_in(const struct target *target);
void close_session(struct session *session);
/* The messages that ask for one row; returns their length. */
size_t ask_message(const struct query *query, char message[MESSAGE_BYTES_MAX]);
size_t simple_message(const char *text, char message[MESSAGE_BYTES_MAX]);
void send_all(struct session *session, const char *bytes, size_t length);
/* Reads what is there; false where nothing is there and the socket does not wait. */
bool read_some(struct session *session);
/* Until the server is ready again. */
void read_answer(struct session *session);
void begin_answer(struct session *session);
/* Ends the program where the answer is not this many rows. */
void expect_rows(const struct session *session, const char *name, uint64_t rows);

/* The answer to the server's challenge. */
size_t scram_first(char *message, char nonce[33]);
size_t scram_final(const char *server_first, const char nonce[33], const char *password, char *message);

/* The server's side, which shows that it knows the password and does not look whether the client does. */
#define SCRAM_TEXT_BYTES 256
struct challenge {
	char client_first[SCRAM_TEXT_BYTES];
	char server_first[SCRAM_TEXT_BYTES];
};
void scram_challenge(const char *client_first, struct challenge *challenge);
void scram_server_final(const char *client_final, const struct challenge *challenge, char message[SCRAM_TEXT_BYTES]);
/* Derives the keys, once. */
void scram_prepare(const char *password);

uint64_t now_ns(void);
uint32_t random_below(uint32_t bound);
void shuffle(uint32_t *order, uint32_t count);
void *must_allocate(size_t bytes);
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A line: the name and all times. */
void print_times(const char *name, const uint64_t *times, uint32_t count);

/* Opens as many sessions as it is told, several at once. */
struct session *open_many(const struct target *target, const struct query *query, uint32_t count);

int run_paired(int count, char **words);
int run_load(int count, char **words);
int run_bulk(int count, char **words);
int run_connect(int count, char **words);
int run_hold(int count, char **words);
int run_upstream(int count, char **words);
#endif
