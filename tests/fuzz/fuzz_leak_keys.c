/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is a list of keys; and once more the PEM of one key, and a signature. What must hold:
 * the list is read with every bound held, or refused with an error of the caller; whatever keys it
 * has, an input that nobody signed is never taken for a signed one.
 */
#include "fuzz.h"

#include <string.h>

#include "api/json_input.h"
#include "api/leak_report.h"
#include "base/base64.h"
#include "base/limits.h"
#include "crypto/signature.h"

static const char signed_body[] = "nobody signed this";

static void check_list(const char *text, size_t size)
{
    struct fault fault = {0};
    struct leak_keys *keys CLEANUP(leak_keys_free_p) = NULL;
    tkr_error_t error = leak_keys_read(text, size, &keys, &fault);
    if (error != TKR_OK) {
        ASSERT(error == TKR_MALFORMED || error == TKR_INVALID || error == TKR_TOO_LARGE);
        ASSERT(keys == NULL && fault.detail[0] != '\0');
        return;
    }
    ASSERT(leak_keys_count(keys) >= 1 && leak_keys_count(keys) <= LEAK_KEYS_MAX);
    ASSERT(leak_keys_verify(keys, "", signed_body, strlen(signed_body), "", NULL) == TKR_NOT_FOUND);
    ASSERT(leak_keys_verify(keys, "a", signed_body, strlen(signed_body), "MAYCAQECAQE=", NULL) !=
           TKR_OK);
}

static void check_pem(const char *text, size_t size)
{
    struct signature_key *key CLEANUP(signature_key_free_p) = NULL;
    tkr_error_t error = signature_key_new(text, size, &key);
    ASSERT((error == TKR_OK) == (key != NULL));
    ASSERT(error == TKR_OK || error == TKR_MALFORMED || error == TKR_INVALID ||
           error == TKR_TOO_LARGE);
}

/* A key of the tests; nobody has its private half any more. */
static void check_signature(const char *text, size_t size)
{
    static const char pem[] = "-----BEGIN PUBLIC KEY-----\n"
                              "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEctkJiL6xJ6epDrPYQ3W7g848/3TD\n"
                              "Dn7RXpiCj8zhessIjl56Mzq5yimzIksSVQO7IZacWXYlFaCixKsFgRpUTg==\n"
                              "-----END PUBLIC KEY-----\n";
    static struct signature_key *key;
    if (key == NULL) {
        ASSERT(signature_key_new(pem, strlen(pem), &key) == TKR_OK);
    }
    tkr_error_t error = signature_verify(key, signed_body, strlen(signed_body), text, size);
    ASSERT(error == TKR_MALFORMED || error == TKR_FORBIDDEN);
}

static void check_base64(const char *text, size_t size)
{
    uint8_t bytes[BASE64_BYTES_MAX(1024)];
    size_t length = 0;
    tkr_error_t error = base64_decode(text, size, bytes, sizeof(bytes), &length);
    ASSERT(error != TKR_OK || (length <= BASE64_BYTES_MAX(size) && length + 2 >= size / 4 * 3));
    ASSERT(error == TKR_OK || error == TKR_MALFORMED || error == TKR_TOO_LARGE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    json_input_prepare();
    check_list(text, size);
    check_pem(text, size);
    check_signature(text, size);
    check_base64(text, size);
    return 0;
}
