/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two ways to the same assembler code of OpenSSL. Nanoseconds of one core's CPU time for the
 * 57 bytes of a token (Zen 5, OpenSSL 3.0; two blocks of about 40 ns are the lower bound):
 *
 *     SHA256_Init, _Update, _Final                                88
 *     own padding and SHA256_Transform                            85   not worth its lines
 *     own SHA-NI intrinsics                                       82   likewise
 *     EVP, fetched once, context kept: EVP_DigestInit_ex2(NULL)  110
 *     the same with EVP_MD_CTX_copy_ex from a fresh context      109
 *     EVP_Digest with a fetched algorithm                        140
 *     EVP_Digest with EVP_sha256()                               305
 *
 * The low-level calls are deprecated because they go past the providers. So they are used only
 * where OpenSSL has them and no FIPS provider is demanded; everything else takes EVP.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "crypto/digest.h"

#include <pthread.h>
#include <stdbool.h>

#include <openssl/evp.h>
#include <openssl/sha.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct {
    EVP_MD *sha256; /* NULL: the provider has none */
    bool direct;    /* the low-level calls may be used */
    bool has_key;
    pthread_key_t key; /* only for its destructor; the hot path reads `context` */
} shared;
static _Thread_local EVP_MD_CTX *context;

static void free_context(void *of_thread)
{
    EVP_MD_CTX_free(of_thread);
}

static void prepare(void)
{
    shared.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    shared.has_key = pthread_key_create(&shared.key, free_context) == 0;
#ifndef OPENSSL_NO_DEPRECATED_3_0
    shared.direct = EVP_default_properties_is_fips_enabled(NULL) == 0;
#endif
}

/* The context of this thread, initialised for SHA-256 so that a later init may say NULL. */
static tkr_error_t context_new(void)
{
    ENSURE(shared.sha256 != NULL && shared.has_key, TKR_INTERNAL);
    EVP_MD_CTX *fresh = EVP_MD_CTX_new();
    ENSURE(fresh != NULL, TKR_MEMORY);
    if (EVP_DigestInit_ex2(fresh, shared.sha256, NULL) != 1 ||
        pthread_setspecific(shared.key, fresh) != 0) {
        EVP_MD_CTX_free(fresh);
        return TKR_INTERNAL;
    }
    context = fresh;
    return TKR_OK;
}

tkr_error_t digest_sha256_evp(const void *bytes, size_t length,
                              uint8_t ret_digest[DIGEST_SHA256_BYTES])
{
    pthread_once(&once, prepare);
    if (context == NULL) {
        TRY(context_new());
    }
    ENSURE(EVP_DigestInit_ex2(context, NULL, NULL) == 1, TKR_INTERNAL);
    ENSURE(EVP_DigestUpdate(context, bytes, length) == 1, TKR_INTERNAL);
    ENSURE(EVP_DigestFinal_ex(context, ret_digest, NULL) == 1, TKR_INTERNAL);
    return TKR_OK;
}

#ifdef OPENSSL_NO_DEPRECATED_3_0

tkr_error_t digest_sha256(const void *bytes, size_t length, uint8_t ret_digest[DIGEST_SHA256_BYTES])
{
    return digest_sha256_evp(bytes, length, ret_digest);
}

#else

tkr_error_t digest_sha256(const void *bytes, size_t length, uint8_t ret_digest[DIGEST_SHA256_BYTES])
{
    pthread_once(&once, prepare);
    if (UNLIKELY(!shared.direct)) {
        return digest_sha256_evp(bytes, length, ret_digest);
    }
    SHA256_CTX direct; /* _Final wipes the bytes that it buffered */
    ENSURE(SHA256_Init(&direct) == 1, TKR_INTERNAL);
    ENSURE(SHA256_Update(&direct, bytes, length) == 1, TKR_INTERNAL);
    ENSURE(SHA256_Final(ret_digest, &direct) == 1, TKR_INTERNAL);
    return TKR_OK;
}

#endif
