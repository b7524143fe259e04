/* SCRAM-SHA-256, RFC 7677, without channel binding: a client, and as much of a server as a client has to believe. */
#include "probe.h"
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_BYTES 32

static void hmac(const uint8_t key[KEY_BYTES], const char *text, uint8_t out[KEY_BYTES])
{
	unsigned int length = KEY_BYTES;
	if (HMAC(EVP_sha256(), key, KEY_BYTES, (const uint8_t *)text, strlen(text), out, &length) == NULL)
		fail("HMAC failed");
}

size_t scram_first(char *message, char nonce[33])
{
	uint8_t random[24];
	if (RAND_bytes(random, sizeof random) != 1)
		fail("no random bytes");
	EVP_EncodeBlock((uint8_t *)nonce, random, sizeof random);
	return (size_t)sprintf(message, "n,,n=,r=%s", nonce);
}

size_t scram_final(const char *server_first, const char nonce[33], const char *password, char *message)
{
	char joint[256], salt_text[256];
	int iterations = 0;
	if (sscanf(server_first, "r=%255[^,],s=%255[^,],i=%d", joint, salt_text, &iterations) != 3)
		fail("the challenge cannot be read");
	uint8_t salt[256];
	int salt_bytes = EVP_DecodeBlock(salt, (const uint8_t *)salt_text, (int)strlen(salt_text));
	for (size_t at = strlen(salt_text); at > 0 && salt_text[at - 1] == '='; at -= 1)
		salt_bytes -= 1;
	uint8_t salted[KEY_BYTES], client_key[KEY_BYTES], stored_key[KEY_BYTES], signature[KEY_BYTES];
	if (salt_bytes < 1 || PKCS5_PBKDF2_HMAC(password, (int)strlen(password), salt, salt_bytes, iterations,
						EVP_sha256(), KEY_BYTES, salted) != 1)
		fail("the key cannot be derived");
	hmac(salted, "Client Key", client_key);
	if (EVP_Digest(client_key, KEY_BYTES, stored_key, NULL, EVP_sha256(), NULL) != 1)
		fail("SHA-256 failed");
	char signed_text[1024];
	snprintf(signed_text, sizeof signed_text, "n=,r=%s,%s,c=biws,r=%s", nonce, server_first, joint);
	hmac(stored_key, signed_text, signature);
	for (size_t at = 0; at < KEY_BYTES; at += 1)
		client_key[at] ^= signature[at];
	char proof[64];
	EVP_EncodeBlock((uint8_t *)proof, client_key, KEY_BYTES);
	return (size_t)sprintf(message, "c=biws,r=%s,p=%s", joint, proof);
}

/* Of the server. Its salt may be known: nothing here is a secret. */
#define SALT "c2FsdHlzYWx0eXNhbHQ="
#define SALT_BYTES 14
#define ITERATIONS 4096

static uint8_t server_key[KEY_BYTES];

void scram_prepare(const char *password)
{
	uint8_t salt[32], salted[KEY_BYTES];
	EVP_DecodeBlock(salt, (const uint8_t *)SALT, (int)strlen(SALT));
	if (PKCS5_PBKDF2_HMAC(password, (int)strlen(password), salt, SALT_BYTES, ITERATIONS, EVP_sha256(), KEY_BYTES,
			      salted) != 1)
		fail("the key cannot be derived");
	hmac(salted, "Server Key", server_key);
}

void scram_challenge(const char *client_first, struct challenge *challenge)
{
	/* Without its header `n,,` or `y,,`. */
	snprintf(challenge->client_first, SCRAM_TEXT_BYTES, "%s", client_first + 3);
	const char *nonce = strstr(client_first, "r=");
	if (nonce == NULL)
		fail("a client without a nonce");
	snprintf(challenge->server_first, SCRAM_TEXT_BYTES, "%sabcdefghijklmnop,s=%s,i=%d", nonce, SALT, ITERATIONS);
}

void scram_server_final(const char *client_final, const struct challenge *challenge, char message[SCRAM_TEXT_BYTES])
{
	const char *proof = strstr(client_final, ",p=");
	if (proof == NULL)
		fail("a client without a proof");
	char signed_text[1024];
	snprintf(signed_text, sizeof signed_text, "%s,%s,%.*s", challenge->client_first, challenge->server_first,
		 (int)(proof - client_final), client_final);
	uint8_t signature[KEY_BYTES];
	hmac(server_key, signed_text, signature);
	memcpy(message, "v=", 2);
	EVP_EncodeBlock((uint8_t *)message + 2, signature, KEY_BYTES);
}
